"""Texts as batches: tokens, vocabulary, lengths. Knows no model."""
