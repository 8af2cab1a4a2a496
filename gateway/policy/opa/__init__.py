"""OPA: the program, its process, who may speak to it, and the way to it."""
