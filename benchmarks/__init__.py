"""Measurements; nothing here is imported by the program or run by the tests."""
