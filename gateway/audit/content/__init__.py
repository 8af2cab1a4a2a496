"""The side store: prompts and answers, where policy says that they are kept. The log has their digests only."""
