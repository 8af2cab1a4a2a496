"""Heads that left the machine: who saw them, how they get there, and whether the log is still what was seen."""
