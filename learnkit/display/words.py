"""Numbers, speeds and durations as the table shows them."""

import math


def number(value: float | None) -> str:
    """Return a number as the table shows it: four decimals, or an exponent where these fail."""
    if value is None:
        return "-"
    if value != 0 and math.isfinite(value) and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.3e}"
    return f"{value:.4f}"


def per_second(speed: float | None) -> str:
    """Return a speed with three digits or more."""
    if speed is None:
        return "-"
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"


def clock(seconds: float) -> str:
    """Return a duration as mm:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
