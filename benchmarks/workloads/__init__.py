"""What is measured, by whom. A module each, with a function ``with_<contender>`` for each.

This table alone is read by the runner, so that it stays small beside what it measures; a module
is imported only by the process that measures.
"""

from dataclasses import dataclass

ALL = ("learnkit", "plain", "fastai", "lightning")


@dataclass(frozen=True)
class Workload:
    """A thing to measure.

    Attributes:
        contenders: who can do it, learnkit first.
        variants: what it is measured for, each in a process of its own: pixels per side.
        prepares: whether its module has a function ``prepare``, run once and not measured.
    """

    contenders: tuple[str, ...] = ALL
    variants: tuple[str, ...] = ("",)
    prepares: bool = False


WORKLOADS = {
    "step": Workload(),
    "pipeline": Workload(("learnkit", "learnkit-loader", "plain", "fastai"), ("128", "224")),
    "frozen": Workload(variants=("128", "224"), prepares=True),
    "unfrozen": Workload(("learnkit", "learnkit-bn", *ALL[1:]), ("224",), prepares=True),
    "script": Workload(variants=("224",), prepares=True),
    "predict": Workload(
        ("learnkit", "learnkit-get-preds", "plain", "fastai"), ("224",), prepares=True
    ),
    "imports": Workload(),
    "index": Workload(ALL[:3], ("first", "second"), prepares=True),
}
