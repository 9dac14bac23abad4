"""The stores as every service uses them: pools, transactions, limits of time."""
