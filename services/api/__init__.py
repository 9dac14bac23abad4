"""api accepts uploads, validates them, and shows what became of them."""
