"""WHO calls (keys, tokens, roles) and how much they may (rate, tokens, concurrency)."""
