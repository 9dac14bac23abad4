"""The command line of those who import: HTTP only, with the caller's own token, and no secret of a server."""
