"""How Leadflow is run: on a developer's machine, in containers, on Kubernetes."""
