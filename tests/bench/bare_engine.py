"""The engine with nothing before it, as the gateway starts it, on loopback: ``WEIGHTS PORT SLOTS CONTEXT_TOKENS``."""

import signal
import sys

import xllamacpp

weights, port, slots, context = sys.argv[1], *map(int, sys.argv[2:5])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
parameters = xllamacpp.CommonParams()
parameters.model.path = weights
parameters.hostnames = ["127.0.0.1"]
parameters.port = port
parameters.offline = True
parameters.n_ctx = context * slots
parameters.n_parallel = slots
parameters.cont_batching = True
parameters.cache_ram_mib = 0
parameters.n_gpu_layers = 0
parameters.use_jinja = True
server = xllamacpp.Server(parameters)
signal.pause()
