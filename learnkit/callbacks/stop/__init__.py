"""When a fit ends."""
