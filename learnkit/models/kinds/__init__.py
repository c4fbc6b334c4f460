"""One module for each model that an export can name: its fields, their bounds, its builder."""
