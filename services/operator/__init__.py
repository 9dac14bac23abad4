"""operator is the command ``leadflow``: deployment, and tools for the people on call."""
