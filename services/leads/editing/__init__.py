"""A lead's fields get other values."""
