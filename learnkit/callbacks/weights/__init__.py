"""What changes the weights beside the optimizer."""
