"""WHAT a request carries: detect, redact, restore, also inside streams."""
