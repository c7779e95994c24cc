"""Measurements against other engines; nothing else in the project imports them."""
