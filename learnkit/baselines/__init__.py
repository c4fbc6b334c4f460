"""What simple answers reach on the same samples: the bar that a trained model must beat."""
