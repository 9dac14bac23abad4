"""New leads, by whichever door: all that is written of one."""
