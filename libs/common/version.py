"""The version, as pyproject.toml has it: services are not installed in the image, so they cannot ask for it."""

VERSION = "0.1.0"
