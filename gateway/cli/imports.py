"""``sekisho import``: what another gateway was set to, as settings of this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.cli.importing.litellm import Carried

app = group("import", "Carry over what another gateway was set to.")

MOST_BYTES = 64 * 1024 * 1024
_COLUMNS = ("field", "why it is not carried")

Config = Annotated[Path, typer.Argument(metavar="FILE", help="LiteLLM's config.yaml.")]
Keys = Annotated[
    Path | None, typer.Option("--keys", metavar="FILE", help="What GET /key/list?return_full_object=true answered.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the settings there; must not exist.")]


@command(
    app,
    "litellm",
    examples=[
        "sekisho import litellm config.yaml",
        "sekisho import litellm config.yaml --keys keys.json --out imported.yaml",
        "sekisho import litellm config.yaml --json",
    ],
)
def litellm(session: Session, file: Config, keys: Keys = None, out: Out = None) -> None:
    """Turn LiteLLM's models, aliases, prices and keys' limits into settings, and name every field that is not carried.

    Nothing is changed: the settings are printed, to be put into sekisho.yaml, and the commands that make the keys.
    Every model stays external, so that no policy lets data go there before somebody has said whose machine it is.
    """
    carried = _carried(file, keys)
    text = _yaml(carried.settings)
    if out is not None:
        _write(out, text)
    data = {
        "settings": carried.settings,
        "commands": carried.commands,
        "secrets": carried.secrets,
        "in_clear": carried.in_clear,
        "carried": carried.taken,
        "left": [{"field": path, "why": why} for path, why in carried.left],
    }
    if session.output.as_json:
        session.output.result(data)
        return
    session.output.result(None, f"Written: {out}" if out is not None else text.rstrip())
    session.output.note("")
    _say_rest(session, carried)
    if carried.left:
        session.output.table("Not carried", _COLUMNS, carried.left, None)


def _say_rest(session: Session, carried: Carried) -> None:
    note = session.output.note
    note(f"{carried.taken} fields were carried, {len(carried.left)} were not.")
    if carried.settings["fleet"]["engines"]:
        note("Say `external: false`, `site` and `jurisdiction` of each engine that your company runs itself.")
    for name in carried.in_clear:
        note(f"{name}: prompts go to other machines by https:// only; put TLS before that server and change its url.")
    for file in carried.secrets:
        note(f"Put the provider's key into {file} (mode 0600), beside sekisho.yaml.")
    for line in carried.commands:
        note(f"Then make this key: {line}")


def _carried(config: Path, keys: Path | None) -> Carried:
    import yaml

    from gateway.cli.importing.litellm import carry

    try:
        said = yaml.safe_load(_text(config))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{config}, line {mark.line + 1}" if mark else str(config)
        raise SetupError(f"{where}: not valid YAML.", "Check its indentation.", exit_code=USED_WRONGLY) from error
    try:
        rows = json.loads(_text(keys)) if keys else None
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{keys} is no JSON.", "Save the answer as it came.", exit_code=USED_WRONGLY) from error
    try:
        carried = carry(said, rows)
    except ValueError as error:
        mend = "Give LiteLLM's config.yaml, and the keys as its proxy lists them."
        raise SetupError(f"That is not from LiteLLM: {error}.", mend, exit_code=USED_WRONGLY) from error
    _prove(carried.settings)
    return carried


def _prove(settings: dict[str, Any]) -> None:
    """Return when the settings are such that the gateway would read them. Raises SetupError."""
    import msgspec

    from gateway.settings import Settings

    try:
        msgspec.convert(settings, Settings)
    except msgspec.ValidationError as error:
        mend = "Correct that value in LiteLLM's file, or leave it out."
        raise SetupError(f"What it says cannot be said here: {error}.", mend) from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SetupError(f"{path} is larger than 64 MiB.", "Give the file itself.", exit_code=USED_WRONGLY)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read.", "Check its name and that it is UTF-8.", exit_code=2) from error


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SetupError(f"{path} cannot be written.", "Choose a file that does not exist yet.") from error


def _yaml(settings: dict[str, Any]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes a list twice rather than a reference to it."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(settings, Dumper=Plain, sort_keys=False, allow_unicode=True, width=110)
