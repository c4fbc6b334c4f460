"""What is looked at while a model trains."""
