"""WHICH bytes: manifests and the content-addressed store."""
