"""Check the arguments of schedules, each with one sentence."""


def check(title: str, name: str, value: object, right: bool, expected: str) -> None:
    """Raise ValueError, saying what was expected and what was found, unless ``right``."""
    if not right:
        raise ValueError(f"{title}(): {name} must be {expected}, found {value!r}.")


def unit(title: str, name: str, value: float) -> float:
    """Return a multiplier of the peak, which is in [0, 1]."""
    check(title, name, value, 0.0 <= value <= 1.0, "from 0 to 1")
    return float(value)


def check_count(title: str, name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is a whole number of at least 1."""
    right = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    check(title, name, value, right, "a whole number of at least 1")
