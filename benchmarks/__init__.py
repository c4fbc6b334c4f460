"""Measurements, run by hand; nothing here is imported by the package or timed by the tests."""
