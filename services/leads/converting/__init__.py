"""A lead becomes an opportunity, in a stage of a pipeline."""
