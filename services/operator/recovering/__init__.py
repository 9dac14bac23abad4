"""Makes servers agree again, of which one was restored from a backup."""
