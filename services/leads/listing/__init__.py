"""Leads that are looked for, and one that is looked at."""
