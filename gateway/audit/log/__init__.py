"""The log on disk: records, tree, signed heads; its one writer, its readers, and what happens after a crash."""
