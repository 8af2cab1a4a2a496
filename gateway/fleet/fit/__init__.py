"""Will it fit: a model's shape, a device's memory, and what a load takes of it."""
