"""Metrics, and nothing that leaves the machine."""
