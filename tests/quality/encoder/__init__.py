"""The embedding model as its authors published it, computed in plain numpy: what the converted one is judged by."""
