"""The command ``learnkit``: its words, its exit codes, and nothing of training.

An error that learnkit raises on purpose is one line on standard error and exit code 2; Ctrl-C exits
with 130. What a verb does is in ``learnkit.commands``, imported once the verb is known.
"""

import argparse
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from learnkit.errors import LearnkitError
from learnkit.version import __version__

WRONG_USE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the words after ``learnkit``; those of the process by default.
    """
    args = parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be no UTF-8
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return int(importlib.import_module(f"learnkit.commands.{args.verb}").run(args))
        except LearnkitError as error:
            if args.debug:
                raise
            print(f"learnkit {args.verb}: {error}", file=sys.stderr)
            return WRONG_USE
        except BrokenPipeError:  # whoever read our output has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            print(f"learnkit {args.verb}: stopped by Ctrl-C.", file=sys.stderr)
            return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="learnkit", description="A folder of photos to a trained, exported model."
    )
    top.add_argument("--version", action="version", version=f"learnkit {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_train(_verb(verbs, "train", "train a classifier on a folder of photos and export it"))
    _add_predict(_verb(verbs, "predict", "say what is on photos, with an exported model"))
    _add_doctor(_verb(verbs, "doctor", "say what is wrong with a folder of photos; move it aside"))
    _add_demo(_verb(verbs, "demo", "train on the photos that come with learnkit, in a minute"))
    _verb(verbs, "info", "versions, device, precision and extras, for a bug report")
    _add_cache(_verb(verbs, "cache", "what learnkit keeps on disk to be faster: show or delete it"))
    _add_plugins(_verb(verbs, "plugins", "callbacks, metrics and backbones of other packages"))
    return top


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, what: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return verb


def _add_train(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument
    add("path", metavar="PATH", help="folder with train/<class>/ and valid/<class>/, or <class>/")
    add("--out", metavar="DIR", required=True, help="where model and history are written")
    add("--arch", default="resnet34", help="a name of learnkit.models, or timm/NAME (%(default)s)")
    add("--epochs", type=_at_least_one, default=5, metavar="N", help="(%(default)s)")
    add("--size", type=_at_least_one, default=224, metavar="PIXELS", help="per side (%(default)s)")
    add("--batch-size", type=_at_least_one, default=64, metavar="N", help="(%(default)s)")
    add("--weights", default="default", help='"default", "none" or the path of a file')
    add("--lr", type=_positive, help="peak learning rate; the method's own if not given")
    add("--valid-pct", type=_fraction, metavar="FRACTION", help="to hold out if there is no valid/")
    add("--fine-tune", action="store_true", help="the head for an epoch, then all layers")
    add("--seed", type=int, default=42, metavar="N", help="(%(default)s)")
    add("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    add("--device", help="such as cpu, cuda or cuda:1; the best there is if not given")
    add("--resume", action="store_true", help="go on with a training that was stopped in DIR")


def _add_predict(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument
    add("model", metavar="MODEL", help="folder that train or learn.export() wrote")
    add("files", metavar="FILE", nargs="+", help="photos, or folders of photos")
    add("--top", type=_at_least_one, default=1, metavar="K", help="classes per photo (%(default)s)")
    add("--json", action="store_true", help="print a JSON list")
    add("--device", help="such as cpu or cuda; the best there is if not given")


def _add_doctor(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument
    add("path", metavar="PATH", help="folder with train/<class>/ and valid/<class>/, or <class>/")
    for part in ("train", "valid", "test"):
        default = None if part == "test" else part
        add(f"--{part}", metavar="NAME", default=default, help=f"the folder of {part} in PATH")
    add("--valid-pct", type=_fraction, metavar="FRACTION", help="that training will hold out")
    add("--seed", type=int, default=42, metavar="N", help="that training will have (%(default)s)")
    add(
        "--near",
        type=_bits,
        default=64,
        metavar="BITS",
        help="of 256 that copies may differ in, or none (%(default)s)",
    )
    add(
        "--min-side", type=int, default=32, metavar="PIXELS", help="of the short side (%(default)s)"
    )
    add("--max-aspect", type=float, default=5.0, metavar="RATIO", help="of sides (%(default)g)")
    add(
        "--max-imbalance",
        type=float,
        default=10.0,
        metavar="RATIO",
        help="of classes (%(default)g)",
    )
    add("--all", action="store_true", help="show all findings, not only the first of a kind")
    add("--json", action="store_true", help="print the report as JSON")
    way = verb.add_mutually_exclusive_group()
    way.add_argument("--fix", action="store_true", help="move them to PATH/.quarantine")
    way.add_argument("--undo", nargs="*", metavar="FILE", help="put all of them, or these, back")


def _add_demo(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--out", metavar="DIR", default="demo-output", help="where to write (%(default)s)"
    )


def _add_cache(verb: argparse.ArgumentParser) -> None:
    words = verb.add_subparsers(dest="word", required=True, metavar="WORD")
    for name, what in (
        ("info", "the folder, what is in it and how large it is"),
        ("clear", "delete all of it; what is needed is made again"),
    ):
        word = words.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        # as `learnkit cache --debug info` has set it, if at all
        shown = "show the traceback of an error"
        word.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=shown)


def _add_plugins(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="print a JSON list")


def _at_least_one(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1; got {word!r}")
    return int(word)


def _bits(word: str) -> int | None:
    if word == "none":
        return None
    if not word.isdecimal() or int(word) > 128:
        raise argparse.ArgumentTypeError(f"must be 0 to 128, or none; got {word!r}")
    return int(word)


def _positive(word: str) -> float:
    return _number(word, 0.0, float("inf"), "a number above 0")


def _fraction(word: str) -> float:
    return _number(word, 0.0, 1.0, "a fraction between 0 and 1, such as 0.2")


def _number(word: str, low: float, high: float, expected: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not low < value < high:
        raise argparse.ArgumentTypeError(f"must be {expected}; got {word!r}")
    return value


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as a line for the reader of a terminal, not for the author of code."""
    print(f"warning: {message}", file=file or sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
