"""tagger turns the rows' tag names into the company's tags, making those that are missing."""
