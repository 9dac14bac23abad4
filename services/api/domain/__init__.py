"""Pure decisions of the api: what is a valid file, row, request; no I/O beyond the file handed in, no framework."""
