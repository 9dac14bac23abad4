"""finalizer settles chunks, ends imports and says so. It also re-sends chunks that fell silent."""
