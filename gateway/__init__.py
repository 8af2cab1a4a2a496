"""Sekisho: an air-gapped gateway to large language models with a sovereignty policy engine.

The package reads like a house: :mod:`gateway.pipeline` is the life of a request, each folder is a room with one
purpose and one door (``door.py``, a :class:`typing.Protocol`), and :mod:`gateway.house` is the only place that
builds rooms and hands them to each other.
"""

__version__ = "0.1.0"
