"""Leads after they were made, through whichever door: public events of leads and enroller."""
