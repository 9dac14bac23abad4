"""What a file becomes: pure decisions, no I/O beyond the upload and the spool, no framework."""
