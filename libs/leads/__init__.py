"""What the services of leads share."""
