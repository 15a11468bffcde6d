"""Puts this folder on the path of the tests in its rooms: they share a bank of statements."""
