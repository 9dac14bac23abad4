"""What was written down of people for a time, and its end."""
