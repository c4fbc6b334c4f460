"""What the optimizer is told: rates and other settings."""
