"""The offline bundle: what builds, verifies, installs and updates a site that has no network (docs/adr/0018)."""
