"""Erases what the house knows of one person: in which places, and how each is left."""
