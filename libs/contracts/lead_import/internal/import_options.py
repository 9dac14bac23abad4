"""What an import says of itself in ``lead_imports.options``, to services that look there."""

SILENT = "silent"
"""There when nobody is to be told of the import's leads."""
