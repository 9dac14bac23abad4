"""What the addresses of servers say, read before anything is connected. Pure: no driver, no I/O."""
