"""Sequences of numbers, and texts as streams of tokens for language models."""
