"""What leaves the house: records as others read them, with the proof that they are the log's."""
