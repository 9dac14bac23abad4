"""Whether an upload may become an import: pure decisions."""
