"""A joined node's process, as :mod:`cut_site` runs it: ``node_process.py CONFIG PROTOCOL``; waits for a line first."""

import sys

from gateway import settings
from gateway.node import loading, serve_node

sys.stdin.readline()
loading.PROTOCOL = int(sys.argv[2])
its = settings.load(sys.argv[1])
sys.exit(serve_node(its.data / "node", its))
