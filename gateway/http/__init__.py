"""Wire formats to domain and back, one file per API; server-sent events; the one place errors become responses."""
