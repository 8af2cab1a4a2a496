"""Several processes that serve one address: who starts, restarts and replaces them (docs/adr/0020)."""
