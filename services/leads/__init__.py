"""leads answers the calls about leads: the public form, the list, the pipeline, notes and assignment."""
