"""Taking imports back: undoer's public event, and how the api asks for it."""
