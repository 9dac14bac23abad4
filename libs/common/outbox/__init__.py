"""What must be published is written in the transaction that makes it true; a relay publishes it afterwards."""
