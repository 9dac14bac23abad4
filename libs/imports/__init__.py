"""What only the services of the import share: a chunk's life, the window of its import, partitions, chats."""
