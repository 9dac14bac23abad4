"""What only the services of leads need of each other."""
