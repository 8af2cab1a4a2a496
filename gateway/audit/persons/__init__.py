"""Persons in the book: the keys that lead from a pseudonym to somebody, and how they are destroyed."""
