"""The ``sekisho.yaml`` that ``sekisho init`` writes: short, commented, with the lines people change first."""

from __future__ import annotations

import json
from typing import Protocol

from gateway.cli.init_anchor import anchor_yaml


class Wishes(Protocol):
    """What the file says; :class:`gateway.cli.init.Answers` is the real one."""

    @property
    def site(self) -> str: ...
    @property
    def jurisdiction(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def listen(self) -> str: ...
    @property
    def tls_certificate(self) -> str: ...
    @property
    def tls_key(self) -> str: ...
    @property
    def anchor(self) -> str: ...
    @property
    def key_provider(self) -> str: ...
    @property
    def pkcs11_module(self) -> str: ...
    @property
    def pkcs11_token(self) -> str: ...


TEMPLATE = """\
# Sekisho's configuration. All settings, with defaults and units: docs/reference/settings.md
# Check it with: sekisho doctor

site:
  name: {site}  # part of every audit record
  jurisdiction: {jurisdiction}  # ISO 3166-1 alpha-2; empty: prompts stay on this machine
  language: {language}
  preset: {preset}  # what rules.csv, beside this file, was made from

server:
  listen: {listen}  # beyond loopback only with TLS files
{tls}
engine:
  model: "smollm2-135m-instruct"  # a small demonstration model; a real one: sekisho models add FILE
  # context_tokens: 4096  # of each slot
  # slots: 4  # prompts answered at once
  # threads: 0  # 0: one per core
  # gpu_layers: -1  # -1: as many as fit

# fleet:  # several models, each loaded when it is first asked for; pin keeps one in
#   models:
#     - {{model: smollm2-135m-instruct, pin: true}}
#     - {{model: all-minilm-l6-v2}}  # for /v1/embeddings and /v1/rerank

# limits:  # per key, 0: no limit
#   requests_per_minute: 0
#   tokens_per_minute: 0

{audit}
data_dir: {data_dir}  # keys, audit log, state and models
{run_dir}{keys}"""


def yaml_text(wishes: Wishes, data_dir: str, run_dir: str) -> str:
    """Return the file's text. ``run_dir`` is left out when empty."""
    tls = f"  tls_certificate: {_quoted(wishes.tls_certificate)}\n  tls_key: {_quoted(wishes.tls_key)}\n"
    sockets = f"run_dir: {_quoted(run_dir)}  # sockets; short, since their paths must stay under 100 bytes\n"
    return TEMPLATE.format(
        site=_quoted(wishes.site),
        jurisdiction=_quoted(wishes.jurisdiction),
        language=_quoted(wishes.language),
        preset=_quoted(wishes.preset),
        listen=_quoted(wishes.listen),
        tls=tls if wishes.tls_certificate else "",
        data_dir=_quoted(data_dir),
        run_dir=sockets if run_dir else "",
        keys=_keys(wishes),
        audit=anchor_yaml(wishes.anchor),
    )


def _keys(wishes: Wishes) -> str:
    """Return what says how the secrets are sealed; nothing where they are plain files."""
    if wishes.key_provider == "files":
        return ""
    lines = [("provider", wishes.key_provider)]
    if wishes.key_provider == "pkcs11":
        lines += [("pkcs11_module", wishes.pkcs11_module), ("pkcs11_token", wishes.pkcs11_token)]
    return "\nkeys:\n" + "".join(f"  {name}: {_quoted(value)}\n" for name, value in lines)


def _quoted(text: str) -> str:
    """Return a YAML scalar that is a text whatever it looks like: ``"no"`` is Norway, not false."""
    return json.dumps(text, ensure_ascii=False)
