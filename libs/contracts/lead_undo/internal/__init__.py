"""What api and undoer say to each other, and nobody else reads."""
