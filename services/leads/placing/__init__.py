"""Forms that a company places on its pages."""
