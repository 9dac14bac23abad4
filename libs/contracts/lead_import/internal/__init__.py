"""What only the services of the import say to each other. They change it together; nobody else may rely on it."""
