"""What a preview says: pure."""
