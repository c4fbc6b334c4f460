"""Say so when a class that is trained on is not among the validation samples."""

from collections.abc import Iterable

from learnkit.data.warn import warn_user


def warn_of_missing(train: Iterable[str], valid: Iterable[str], where: str) -> None:
    """Warn when some of the classes of ``train`` are not in ``valid``.

    Training goes on: the metrics of validation say nothing of such a class. The other way round,
    a class in ``valid`` alone is an error wherever classes are found out.

    Args:
        train: the classes that training samples have.
        valid: the classes that validation samples have.
        where: what the validation samples are called.
    """
    missing = sorted(set(train) - set(valid))
    if not missing:
        return
    shown = ", ".join(map(repr, missing[:3])) + (", ..." if len(missing) > 3 else "")
    one = len(missing) == 1
    warn_user(
        f"{'Class' if one else 'Classes'} {shown} {'is' if one else 'are'} trained on, but "
        f"{where} has no sample of {'it' if one else f'these {len(missing)}'}: what validation "
        "says does not hold for "
        f"{'it' if one else 'them'}. Add some there, or hold a part of each class out: "
        "split=stratified_splitter()."
    )
