"""Measured claims: ``make bench`` runs them all in one go on the local stack."""
