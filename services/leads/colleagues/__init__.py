"""colleagues: what the users of a company are called."""
