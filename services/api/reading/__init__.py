"""From an upload to chunks, in processes that a hostile file may cost."""
