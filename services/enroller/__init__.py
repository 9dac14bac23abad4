"""enroller follows the imports: what an import made is found, has a history, and is told of."""
