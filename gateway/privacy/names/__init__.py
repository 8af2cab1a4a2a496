"""Names and addresses: what has no form, found by cues, gazetteers and small models."""
