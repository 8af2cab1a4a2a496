"""A cordon around a server: a network namespace whose only route leads to a sink, three instruments that watch it.

========== ============================================= =========================================================
instrument sees                                          would miss alone
========== ============================================= =========================================================
trace      every connect() and send of every process,    calls through io_uring (so it refuses every ring)
           also those that fail before a packet leaves
sink       every IP packet that leaves the namespace,    attempts that the kernel refuses, sockets of a nested
           and every packet to port 53 on its loopback   namespace
resolver   every name that is asked for                  traffic to bare addresses
========== ============================================= =========================================================

The rules (`trace`, `frames`, `names`) take values and return values; `outside` and `inside` are the two scripts that
stand on either side of the wire; `run` puts them up and brings their findings together.
"""
