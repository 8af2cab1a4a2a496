"""Whether an engine may be given a file, besides its being the right bytes. Asked when it is added, and at each load.

Rules, each refused by name:

1. Its header is well-formed: :mod:`gateway.registry.gguf`.
2. It is a whole model or a LoRA adapter, with tensors, of an architecture that llama.cpp knows.
3. No chat template in it or in its manifest is one that a sandbox refuses: :mod:`gateway.registry.template_trial`.
4. The template in force is the one whose hash the manifest says.
5. An adapter fits the model that it names: the same architecture, and each pair of matrices has the shape of a tensor
   there, as llama.cpp asks for it (src/llama-adapter.cpp).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from gateway.errors import SetupError
from gateway.registry.gguf import Layout, read_layout
from gateway.registry.gguf_words import ARCHITECTURES
from gateway.registry.manifest import Manifest

_TEMPLATE = "tokenizer.chat_template"
_TRIAL = Path(__file__).with_name("template_trial.py")
_TRIAL_SECONDS = 120.0  # on a machine that does other things; its own processor time is bounded at 3
_LORA_A, _LORA_B = ".lora_a", ".lora_b"


class _CutShort(Exception):
    """The trial of templates did not come to a verdict."""


def inspect(file: Path, manifest: Manifest | None = None, *, name: str = "") -> Layout:
    """Return a file's layout under rules 1 to 4.

    Args:
        manifest: what is known of it; ``None`` while there is none.
        name: what to call the file in errors, where that is not its path.

    Raises:
        SetupError: one of the rules is broken.
    """
    layout = read_layout(file)
    shown = name or str(file)
    kind = layout.text("general.type") or "model"
    _check_kind(layout, kind, shown)
    if manifest is not None and manifest.kind != kind:
        raise SetupError(
            f"{shown} is no {manifest.kind}, but of the type {kind!r}.", "Give the file that it should be."
        )
    override = manifest.chat_template if manifest is not None else ""
    check_templates([*templates_of(layout), *([override] if override else [])], shown)
    wanted = manifest.chat_template_sha256 if manifest is not None else ""
    if wanted and wanted != template_digest(layout, override):
        problem = f"The chat template of {shown} is not the one whose hash its manifest says."
        raise SetupError(problem, "Compare it with where the model came from.")
    return layout


def templates_of(layout: Layout) -> list[str]:
    """Return all chat templates in a file: the main one, and those for tools and the like."""
    keys = sorted(key for key in layout.metadata if key == _TEMPLATE or key.startswith(f"{_TEMPLATE}."))
    return [text for key in keys if (text := layout.text(key))]


def template_digest(layout: Layout, override: str = "") -> str:
    """Return the SHA-256, in hex, of the template in force: the manifest's, else the file's; empty without one."""
    template = override or layout.text(_TEMPLATE)
    return hashlib.sha256(template.encode("utf-8", "replace")).hexdigest() if template else ""


def check_templates(templates: Sequence[str], shown: str) -> None:
    """Rule 3, in a process of its own that may take 3 s of processor time and 1 GiB. Raises SetupError.

    What passed once is not tried again in this process: a model that comes and goes has the same templates each time.
    """
    if not templates:
        return
    try:
        why = _refusal_of(json.dumps(templates).encode())
    except _CutShort:
        why = "it takes more time or memory than any template needs"
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"The chat template of {shown} could not be tried.", "Try again when less runs.") from error
    if why:
        raise SetupError(
            f"The chat template of {shown} is refused by the sandbox: {why}.",
            "Get the file from its maker, and compare.",
        )


@lru_cache(maxsize=256)
def _refusal_of(given: bytes) -> str:
    """Return why the templates, as JSON, are refused; empty when they are not. What raises is not remembered.

    Raises:
        _CutShort: the process met a bound, or somebody ended it.
        OSError, TimeoutExpired: it could not be run.
    """
    command = [sys.executable, "-I", str(_TRIAL)]
    done = subprocess.run(  # noqa: S603  our own file, and Python itself
        command, input=given, capture_output=True, timeout=_TRIAL_SECONDS, env={}, check=False
    )
    said = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode not in (0, 1) or bool(said) != bool(done.returncode):
        raise _CutShort
    return said


def check_adapter(adapter: Layout, base: Layout, shown: str, base_name: str) -> None:
    """Rule 5. Raises SetupError."""
    problem = _misfit(adapter, base)
    if problem:
        raise SetupError(f"{shown} is no adapter for {base_name}: {problem}.", "Name the model that it was made for.")


def _check_kind(layout: Layout, kind: str, shown: str) -> None:
    """Rule 2."""
    architecture = layout.architecture
    split = layout.number("split.count")
    unknown = f"is of the architecture {architecture[:40]!r}, which llama.cpp does not know"
    no_lora = kind == "adapter" and layout.text("adapter.type") != "lora"
    checks = (
        (kind not in {"model", "adapter"}, f"is of the type {kind[:40]!r}", "Give a model or an adapter."),
        (architecture == "clip", "is the eye of a vision model, not a model", "Give the model's own file."),
        (architecture not in ARCHITECTURES, unknown, "Convert it with a llama.cpp of this release."),
        (split > 1, f"is one of {split} parts", "Give the folder with all parts: sekisho models add DIR"),
        (not layout.tensors, "holds no tensors", "Fetch it again."),
        (no_lora, "is an adapter, but no LoRA", "Convert it to LoRA."),
    )
    for wrong, what, mend in checks:
        if wrong:
            raise SetupError(f"{shown} {what}.", mend)


def _misfit(adapter: Layout, base: Layout) -> str:
    """Return why an adapter does not fit, or an empty text."""
    if adapter.architecture != base.architecture:
        return f"it is for {adapter.architecture}, not {base.architecture}"
    shapes = {tensor.name: tensor.dims for tensor in base.tensors}
    halves = {tensor.name: tensor.dims for tensor in adapter.tensors if not tensor.name.endswith("_norm.weight")}
    for name in halves:
        whole = name.removesuffix(_LORA_A).removesuffix(_LORA_B)
        if whole == name:
            return f"the tensor {name} is no half of a LoRA"
        if whole not in shapes:
            return f"there is no tensor {whole}"
        first, second = halves.get(whole + _LORA_A), halves.get(whole + _LORA_B)
        if first is None or second is None:
            return f"the tensor {whole} has one half of a LoRA"
        if not _has_shape(shapes[whole], first, second, flipped=whole.endswith("token_embd.weight")):
            return f"the tensor {whole} has another shape"
    return ""


def _has_shape(whole: tuple[int, ...], first: tuple[int, ...], second: tuple[int, ...], *, flipped: bool) -> bool:
    """src/llama-adapter.cpp, "validate tensor shape"."""
    if min(map(len, (whole, first, second))) < 2:
        return False
    if flipped:
        return whole[0] == second[1] and whole[1] == first[1]
    return whole[0] == first[0] and whole[1] == second[1] and first[1] == second[0]
