"""What llama.cpp knows of architectures and tensor types beyond a file's header. Tables only.

Source: llama.cpp as it lies in the source distribution of llama-cpp-python 0.3.36, whose folders the notes name.
"""

from __future__ import annotations

WINDOW_EVERY: dict[str, tuple[int, bool]] = {
    "gemma2": (2, False),
    "gemma3": (6, False),
    "gemma3n": (5, False),
    "cohere2": (4, False),
    "cohere2moe": (4, True),
    "exaone4": (4, False),
    "exaone-moe": (4, False),
    "olmo2": (4, False),
    "plamo3": (8, False),
    "llama4": (4, False),
    "gpt-oss": (2, False),
    "afmoe": (4, False),
    "smallthinker": (4, True),
    "laguna": (4, True),
    "mellum": (4, False),
    "muse-glimmer": (4, False),
}
"""Where the header does not say it: every how many layers one sees the whole context, and whether the first of them
does. ``src/models/*.cpp``, the calls of ``load_swa_pattern``; ``src/llama-hparams.cpp``, ``set_swa_pattern``."""

WINDOW_TOKENS: dict[str, int] = {"gemma2": 4096, "llama4": 8192}
"""Windows that the header need not name: ``src/models/gemma2.cpp``, ``llama4.cpp``."""

NO_CACHE = frozenset(
    "bert jina-bert-v2 jina-bert-v3 nomic-bert nomic-bert-moe neo-bert eurobert wavtokenizer-dec modern-bert "
    "gemma-embedding dream llada llada-moe rnd1".split()
)
"""They read a text as a whole and keep nothing of it. ``src/llama-model.cpp``, ``create_memory``."""

BOTH = frozenset({"falcon-h1"})
"""Every layer has keys and values and a recurrent state. ``src/llama-model.cpp``, ``create_memory``."""

ROUGH = frozenset(
    "deepseek32 deepseek4 glm-dsa glm5-next minimax-m3 dots3note qwen4exp kimi-k3 dflash hrm-text t5 "
    "minimax-01 kimi-linear bailingmoe3".split()
)
"""They keep more than keys and values (indexers, compressed states), which is not modelled here."""

CACHE_BYTES: dict[str, float] = {
    "f32": 4,
    "f16": 2,
    "bf16": 2,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
}
"""Bytes per number of a cache of that type. ``ggml/src/ggml-common.h``, the blocks' sizes."""

REPACKED: dict[str, frozenset[str]] = {
    "avx2": frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}),
    "avx512": frozenset({"Q2_K"}),
    "neon": frozenset({"Q4_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4", "Q8_0"}),
}
"""Matrices of these types are copied, rearranged, where the engine was built for such a processor and their rows are
a multiple of eight. ``ggml/src/ggml-cpu/repack.cpp``, ``ggml_repack_get_optimal_repack_type``."""

AMX = frozenset({"Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS", "F16"})
"""As above for a build with AMX, two dimensions only. ``ggml/src/ggml-cpu/amx/amx.cpp``, ``supports_op``."""

LOOKED_UP = frozenset(
    {"token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight"}
)
"""Tables of which rows are taken: never rearranged, and always in the machine's own memory. ``src/llama-arch.cpp``."""
