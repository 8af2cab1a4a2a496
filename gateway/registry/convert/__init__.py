"""Models in other formats become GGUF files, without torch and the same byte for byte on every machine."""
