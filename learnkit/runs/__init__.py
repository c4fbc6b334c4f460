"""A fit that can be killed at any instant: what is saved of it, where, when, and how it goes on."""
