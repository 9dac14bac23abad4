"""creator makes the lead, its chat and its chat_tags of every live row."""
