"""WHO takes a request: targets, loaded models; choose, queue, health."""
