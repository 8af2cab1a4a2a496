"""What ``sekisho bench`` is made of: prompts of words, one caller, rounds of them, and the figures.

No room: it calls a server from outside, as any client does. Nothing goes anywhere but to the address that it was given.
"""
