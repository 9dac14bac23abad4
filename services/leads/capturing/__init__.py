"""Leads that come by the public form or by hand."""
