"""Texts and labels as lines to read."""

import shutil
from collections.abc import Sequence

from learnkit.data.bunch import DataBunch
from learnkit.data.text.inputs import TextInputs
from learnkit.errors import DataError


def shown_texts(data: DataBunch, n: int) -> list[tuple[str, str]]:
    """Return label and text of the first training texts.

    Raises:
        DataError: when ``n`` is below 1, or the bunch was not made from texts.
    """
    if n < 1:
        raise DataError(f"show_batch shows at least 1 text: found n={n}.")
    inputs = data.inputs
    if not isinstance(inputs, TextInputs):
        raise DataError("These batches were not made from texts, so there are no words to show.")
    x, y = next(data.train_dl.batches(0)).batch
    labels = [
        data.task.describe(target) if data.task is not None else data.classes[int(target)]
        for target in y[:n]
    ]
    return [(label, inputs.words(row)) for label, row in zip(labels, x[:n], strict=True)]


def text_table(rows: Sequence[tuple[str, str]]) -> str:
    """Lay rows out in lines that fit the terminal.

    >>> print(text_table([("ham", "see you at home")]), end="")
    label  text
    ham    see you at home
    """
    wide = max(len("label"), *(len(label) for label, _ in rows))
    room = max(20, shutil.get_terminal_size().columns - wide - 2)
    lines = [
        f"{label:<{wide}}  {_short(text, room)}\n" for label, text in [("label", "text"), *rows]
    ]
    return "".join(lines)


def _short(text: str, room: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= room else f"{text[: room - 3]}..."
