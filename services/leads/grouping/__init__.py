"""Lists of leads."""
