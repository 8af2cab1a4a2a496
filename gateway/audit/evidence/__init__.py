"""Evidence packs: what a compliance officer hands over, and an auditor checks without us."""
