"""The index beside the log: what is searched, counted and reported without reading every record."""
