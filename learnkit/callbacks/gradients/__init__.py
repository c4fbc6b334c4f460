"""What the optimizer gets."""
