"""State that a caller may come back to, kept in the side store as docs/adr/0017-kept-state.md says."""
