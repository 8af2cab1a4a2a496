"""What ``make bench-privacy`` is made of: corpora, what searches, quality, speed, and the one table."""
