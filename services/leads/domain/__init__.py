"""What is decided about leads: pure."""
