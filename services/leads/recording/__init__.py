"""What every change of a lead leaves behind: its history, its audit, its event."""
