"""What is kept of a fit."""
