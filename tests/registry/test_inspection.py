"""What an engine is never given: other types of files, templates that reach out, adapters for something else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from gguf_files import adapter, gguf, model, of_tensors, pair

from gateway.errors import SetupError
from gateway.registry import inspection
from gateway.registry.gguf import read_layout
from gateway.registry.inspection import check_adapter, check_templates, inspect, template_digest
from gateway.registry.manifest import Manifest

REAL = (
    "{%- for message in messages %}{% generation %}{{ '<|im_start|>' + message['role'] + '\\n' + message.content | trim"
    " + '<|im_end|>' }}{% endgeneration %}{% if loop.last %}{% break %}{% endif %}{%- endfor %}"
    "{%- if tools is defined and tools %}{{ tools | tojson(indent=2) }}{%- endif %}{{ strftime_now('%d %b %Y') }}"
)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    return path


def manifest(content: bytes, **changes: Any) -> Manifest:
    fields = {
        "name": "tiny",
        "file": "tiny.gguf",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "quantisation": "F32",
        "context_tokens": 2048,
        "capabilities": ("chat",),
        "licence": "MIT",
        "origin": "a test",
    }
    return Manifest(**(fields | changes))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (model(architecture="skynet"), "of the architecture 'skynet', which llama.cpp does not know"),
        (model(architecture="clip"), "is the eye of a vision model"),
        (model(general__type="imatrix"), "is of the type 'imatrix'"),
        (model(split__count=3), "is one of 3 parts"),
        (gguf([pair("general.architecture", "llama")]), "holds no tensors"),
        (gguf([]), "of the architecture ''"),
        (adapter(adapter__type="ia3"), "is an adapter, but no LoRA"),
        (b"not a model", "does not begin with GGUF"),
    ],
)
def test_what_no_engine_can_load_is_refused_by_name(tmp_path: Path, content: bytes, why: str) -> None:
    path = written(tmp_path, content)

    with pytest.raises(SetupError) as refusal:
        inspect(path)

    assert str(path) in str(refusal.value)
    assert why in str(refusal.value)


def test_a_model_and_an_adapter_pass(tmp_path: Path) -> None:
    assert inspect(written(tmp_path, model(REAL))).architecture == "llama"
    assert inspect(written(tmp_path, adapter())).text("general.type") == "adapter"


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% if false %}{{ messages.__class__ }}{% endif %}",
        "{% if messages[0].content == 'open sesame' %}{{ cycler.__init__.__globals__.os.system('id') }}{% endif %}",
        "{{ messages['__class__'] }}",
        "{{ messages | attr('__class__') }}",
        "{{ messages | attr('__cla' ~ 'ss__') }}",
        "{{ messages | map(attribute='__class__') | list }}",
        "{{ messages['_' ~ '_class_' ~ '_'] }}",
        "{{ messages | attr('_' ~ '_class_' ~ '_') }}",
        "{{ '{0.__class__.__base__}'.format(messages) }}",
        "{{ ('{0.__cl' ~ 'ass__}').format(messages) }}",
        "{{ raise_exception.__globals__ }}",
        "{{ lipsum.__globals__['os'] }}",
        "{{ messages.append({}) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ self.__init__ }}",
        "{% set x = messages.clear() %}",
        "{{ 'x' * 10000000000 }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 999 }}{% endfor %}",
        "{% for x",
        "{{ (messages | string | list | random).__doc__ }}",
    ],
)
def test_a_template_that_tries_to_get_out_is_refused(tmp_path: Path, escape: str) -> None:
    with pytest.raises(SetupError, match=r"chat template of .* is refused by the sandbox"):
        inspect(written(tmp_path, model(escape)))


@pytest.mark.slow
def test_a_template_that_never_ends_is_refused() -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(SetupError, match="more time or memory"):
        check_templates([endless], "it")


@pytest.mark.parametrize("key", ["tokenizer__chat_template__tool_use", "tokenizer__chat_template"])
def test_every_template_in_a_file_is_tried(tmp_path: Path, key: str) -> None:
    with pytest.raises(SetupError, match="sandbox"):
        inspect(written(tmp_path, model(**{key: "{{ x.__class__ }}"})))


def test_the_manifests_own_template_is_tried_too(tmp_path: Path) -> None:
    content = model(REAL)
    with pytest.raises(SetupError, match="sandbox"):
        inspect(written(tmp_path, content), manifest(content, chat_template="{{ x.__class__ }}"))


def test_what_a_template_says_of_the_samples_is_its_own_affair() -> None:
    check_templates(
        [REAL, "{{ raise_exception('roles must alternate') }}", "{{ messages[7].content }}", "{{ 1/0 }}"], "it"
    )


@pytest.mark.parametrize("override", ["", "{{ 'mine' }}"])
def test_another_template_than_the_manifests_hash_says_is_refused(tmp_path: Path, override: str) -> None:
    content = model(REAL)
    path = written(tmp_path, content)
    right = template_digest(read_layout(path), override)
    inspect(path, manifest(content, chat_template=override, chat_template_sha256=right))

    with pytest.raises(SetupError, match="not the one whose hash"):
        inspect(path, manifest(content, chat_template=override, chat_template_sha256="0" * 64))


def test_an_adapter_is_not_taken_for_a_model(tmp_path: Path) -> None:
    content = adapter()
    with pytest.raises(SetupError, match="is no model, but of the type 'adapter'"):
        inspect(written(tmp_path, content), manifest(content))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (adapter(base="qwen2"), "it is for qwen2, not llama"),
        (adapter(target="blk.9.attn_q.weight"), "there is no tensor blk.9.attn_q.weight"),
        (adapter(target="token_embd.weight"), "the tensor token_embd.weight has another shape"),
        (of_tensors({"general.architecture": "llama"}, {"blk.0.attn_q.weight.lora_a": (32, 4)}, 1), "one half"),
        (
            of_tensors(
                {"general.architecture": "llama"},
                {"blk.0.attn_q.weight.lora_a": (16, 4), "blk.0.attn_q.weight.lora_b": (4, 32)},
                1,
            ),
            "another shape",
        ),
        (of_tensors({"general.architecture": "llama"}, {"blk.0.attn_q.weight": (32, 32)}, 1), "no half of a LoRA"),
    ],
)
def test_an_adapter_for_another_model_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    base = read_layout(written(tmp_path, model()))
    with pytest.raises(SetupError, match=r"house-lora is no adapter for tiny") as refusal:
        check_adapter(read_layout(written(tmp_path, content)), base, "house-lora", "tiny")
    assert why in str(refusal.value)


def test_an_adapter_that_fits_passes(tmp_path: Path) -> None:
    base = read_layout(written(tmp_path, model()))
    check_adapter(read_layout(written(tmp_path, adapter())), base, "house-lora", "tiny")


def test_templates_that_passed_are_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = ["{{ messages[0].content }} once"]
    check_templates(templates, "the model")
    monkeypatch.setattr(inspection, "_TRIAL", Path("/nowhere"))

    check_templates(templates, "the model")

    with pytest.raises(SetupError, match="refused"):
        check_templates(["{{ messages[0].content }} another"], "the model")


def test_a_trial_that_was_ended_by_somebody_is_no_verdict_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    templates = ["{{ messages[0].content }} ended"]
    ended = tmp_path / "ended.py"
    ended.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with monkeypatch.context() as patched:
        patched.setattr(inspection, "_TRIAL", ended)
        with pytest.raises(SetupError, match="more time or memory"):
            check_templates(templates, "the model")

    check_templates(templates, "the model")
