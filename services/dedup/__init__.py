"""dedup settles the rows whose phone the platform already knows. It writes nothing."""
