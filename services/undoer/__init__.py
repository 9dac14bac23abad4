"""undoer takes the leads of an import back that nobody has touched since, and lists those that it keeps."""
