"""Receipts: one decision, proven by itself."""
