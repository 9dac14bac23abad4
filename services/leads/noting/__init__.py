"""That somebody is shown leads is written down."""
