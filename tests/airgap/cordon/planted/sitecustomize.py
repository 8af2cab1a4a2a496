"""The positive control: a library that phones home when Python starts, in three ways, and hides that it failed.

Put on PYTHONPATH of the server under test. Addresses and names are those of documentation (RFC 5737, RFC 2606); in the
cordon they lead to the sink. It refuses to run anywhere else.
"""

import os
import socket
from contextlib import suppress

NAME, ADDRESS = "telemetry.example.invalid", "203.0.113.7"

if os.environ.get("SEKISHO_AIRGAP_CONTROL") == "phone home":
    with suppress(OSError):
        socket.getaddrinfo(NAME, 443)
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
        stream.settimeout(2)
        stream.connect((ADDRESS, 443))
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"hello", (ADDRESS, 4000))
