"""How a caller ends an import before its end, or takes it back afterwards."""
