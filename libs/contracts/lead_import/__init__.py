"""The import of leads: its public events, and what its own services pass on from one to the next."""
