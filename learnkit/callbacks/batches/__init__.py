"""What a step sees and how its loss is made."""
