"""What ``python -m benchmarks.fuzz`` is made of: mutations, targets, and a process to run them."""
