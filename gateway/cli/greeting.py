"""What a newcomer reads when the server is ready: an address, a key, and two things to paste that work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings import Settings

TRY_IT = """\

Try it (the key is shown once and ends after 30 days):

  curl {root}/v1/chat/completions \\
    -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Write a greeting to Anna Schmidt."}}],
         "max_tokens": 60}}'

or in Python, with nothing installed:

{python}
or with any OpenAI client: base URL {root}/v1, key {key}
"""

PYTHON = """\
import json, urllib.request
messages = [{{"role": "user", "content": "Write a greeting to Anna Schmidt."}}]
question = {{"model": "{model}", "messages": messages, "max_tokens": 60}}
headers = {{"Authorization": "Bearer {key}", "Content-Type": "application/json"}}
request = urllib.request.Request("{root}/v1/chat/completions", json.dumps(question).encode(), headers)
print(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
"""

DEMONSTRATION = """\
{model} is a small demonstration model: it shows that everything works, and knows little.
Add a real one: sekisho models add FILE (a GGUF file), then set engine.model in sekisho.yaml.
"""


def greeting(settings: Settings, base_url: str, key: str) -> str:
    """Return the text; with a key, also what to paste.

    Args:
        settings: what is being served.
        base_url: as the server says it, with or without ``/v1``.
        key: a fresh API key, or empty.
    """
    root = base_url.rstrip("/").removesuffix("/v1")
    model = settings.first_model
    parts = [f"Sekisho is ready.\n\n  Base URL  {root}/v1\n  API page  {root}/docs\n"]
    if key:
        parts[0] += f"  API key   {key}\n"
        parts.append(
            TRY_IT.format(root=root, key=key, model=model, python=PYTHON.format(root=root, key=key, model=model))
        )
    else:
        parts.append("Make an API key: sekisho keys create --name NAME --tenant TENANT\n")
    if _is_demonstration(settings):
        parts.append(DEMONSTRATION.format(model=model))
    parts.append("Stop with Ctrl-C.")
    return "\n".join(parts)


def _is_demonstration(settings: Settings) -> bool:
    from gateway.cli.models import shelf

    manifest = shelf(settings).find(settings.first_model)
    return manifest is not None and manifest.demonstration
