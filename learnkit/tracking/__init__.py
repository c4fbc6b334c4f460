"""What the loggers of ``callbacks/logs`` have in common: lines of a file, points of a service."""
