"""Where to compute: the best device that is there, and its name in words."""

import torch


def default_device() -> torch.device:
    """Return CUDA if there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def resolve_device(device: torch.device | str | None) -> torch.device:
    """Return the device asked for, with its index, or the best one for None.

    Raises:
        ValueError: when torch does not know it, or this machine does not have it.
    """
    if device is None:
        return default_device()
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f'device must be one that torch knows, such as "cpu", "cuda", "cuda:1" or "mps"; '
            f"got {device!r}."
        ) from None
    if chosen.type == "cuda":
        count = torch.cuda.device_count()
        if (chosen.index or 0) >= count:
            raise ValueError(
                f"device {str(chosen)!r} is not there: torch sees {count} CUDA devices. "
                "Leave device= out to take the best there is."
            )
        if chosen == torch.device("cuda"):  # without an index, which is part of the comparison
            return torch.device("cuda", torch.cuda.current_device())
    return chosen


def device_words(device: torch.device) -> str:
    """Return the device in a few words: ``cpu (8 threads)`` or a GPU's own name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({threads} thread{'s' if threads != 1 else ''})"
    return device.type
