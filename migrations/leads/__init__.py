"""Revisions of the leads: what a lead has beside what an import knows of it, and the schema ``crm``."""
