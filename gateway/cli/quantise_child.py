"""Quantises one model in a process of its own: ``python -m gateway.cli.quantise_child IN OUT TYPE THREADS``.

The file comes from outside, and what parses it may fail or abort: so the process has no network and sees its two files
alone, as an engine does. Says ``DONE/ALL`` on a line of its own for each tensor; leaves with 0 when OUT is written.
"""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

from gateway.engines.landlock import READ, WRITTEN
from gateway.engines.sandbox import lock_in, unmet

_TENSOR = re.compile(rb"\[ *([0-9]+)/ *([0-9]+)\]")  # src/llama-quant.cpp
COULD_NOT, NOT_LOCKED_IN = 3, 4


def quantise(source: Path, target: Path, file_type: int, threads: int) -> int:
    """Return 0 when it was done. ``file_type`` is llama.cpp's ``llama_ftype``; of 0 threads it takes one per core."""
    import llama_cpp

    if unmet(lock_in([(source, READ), (target, WRITTEN)])):
        return NOT_LOCKED_IN
    callback = llama_cpp.llama_log_callback(_log)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread, parameters.allow_requantize = file_type, threads, True
    failed = llama_cpp.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(parameters))
    return COULD_NOT if failed else 0


def _log(level: int, text: bytes, _: object) -> None:
    found = _TENSOR.match(text)
    if found:
        print(f"{int(found[1])}/{int(found[2])}", flush=True)


if __name__ == "__main__":
    sys.exit(quantise(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
