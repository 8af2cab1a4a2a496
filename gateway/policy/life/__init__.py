"""The life of a policy: built, signed, verified, put in force, taken back."""
