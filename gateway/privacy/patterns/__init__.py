"""Patterns: ids, contacts, places, secrets and marks that have a form."""
