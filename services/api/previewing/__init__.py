"""What an upload would become, said beforehand: it stores nothing and counts nothing."""
