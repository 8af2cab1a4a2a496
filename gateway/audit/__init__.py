"""THE BOOK: record, Merkle log, checkpoint, export, verifier."""
