"""A lead is no more, and if somebody asks for it, nobody any longer."""
