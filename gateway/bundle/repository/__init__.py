"""The TUF repository in a bundle: its keys, its metadata, and the client that believes no more than they say.

The rules are those of The Update Framework specification 1.0.34; python-tuf carries them out.
"""
