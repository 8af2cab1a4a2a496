"""The process of a joined node: engines for one gateway, over mutual TLS.

``serving`` is its life, ``service`` its door, ``residents`` what is loaded, ``blobs`` what it was brought, ``loading``
what it makes of an order. Composed of rooms like :mod:`gateway.app`; no policy, no audit log, no prompts kept.
"""

from gateway.node.serving import serve_node

__all__ = ["serve_node"]
