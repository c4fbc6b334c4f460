"""A run as one plain PyTorch script: what is kept of fits for it, and how it is written."""
