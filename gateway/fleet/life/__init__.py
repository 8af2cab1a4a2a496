"""What is loaded: reserve, load once, warm, serve, drain, evict."""
