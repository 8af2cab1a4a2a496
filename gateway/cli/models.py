"""``sekisho models``: which models there are, and whether their bytes are the right ones.

The other verbs of this noun stand in files of their own, ``models_….py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.cli.server import Server
    from gateway.registry.manifest import Manifest
    from gateway.registry.store import Check, ContentStore
    from gateway.settings import Settings

app = group("models", "Show, add, alias and verify models.")

_COLUMNS = ("name", "aliases", "for", "quantisation", "size", "context", "licence", "signed", "in store", "served")

NOT_INSTALLED = "not installed"

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Name or alias.")]


def shelf(settings: Settings) -> ContentStore:
    """Return the registry of this installation, as the server opens it."""
    from gateway.registry.store import ContentStore

    aliases, own = settings.state / "aliases.yaml", settings.state / "models"
    return ContentStore(settings.manifests, settings.store, aliases, own)


@command(app, "list", examples=["sekisho models list", "sekisho models list --json"])
def list_models(session: Session) -> None:
    """List known models."""
    store = shelf(session.settings)
    where = _places(session.settings, store)
    data = [
        {**model, "served": model["name"] in where, "where": where.get(str(model["name"]), [])}
        for model in store.describe()
    ]
    session.output.table("Models", _COLUMNS, [_row(model) for model in data], {"data": data}, "No model is known.")


@command(app, "show", examples=["sekisho models show smollm2-135m-instruct"])
def show(session: Session, model: ModelName) -> None:
    """Show all that is known of a model."""
    store = shelf(session.settings)
    name = known(store, model).name
    (described,) = [entry for entry in store.describe() if entry["name"] == name]
    rows = [(key.replace("_", " "), _cell(value)) for key, value in described.items()]
    session.output.table(name, ("field", "value"), rows, described)


@command(app, "alias", examples=["sekisho models alias gpt-4o-mini smollm2-135m-instruct"])
def alias(
    session: Session, alias: Annotated[str, typer.Argument(help="What callers will say.")], model: ModelName
) -> None:
    """Let another name stand for a model, at once."""
    from gateway.cli.changes import changes

    name = known(shelf(session.settings), model).name
    with changes(session.settings) as to_make:
        to_make.set_alias(alias, name)
    session.output.result({"alias": alias, "model": name}, f"{alias} now stands for {name}.")


@command(app, "remove", examples=["sekisho models remove house-model"])
def remove(session: Session, model: ModelName) -> None:
    """Take a model out of the store, and forget it where this site had added it. One that is served stays.

    It is on record. A model that ships is still known afterwards, and can be added again.
    """
    from gateway.cli.changes import changes

    name = known(shelf(session.settings), model).name
    with changes(session.settings) as to_make:
        gone = to_make.remove_model(name)
    still = " It is still known, since its manifest ships." if gone["still_known"] else ""
    nodes = "".join(f" {_left_there(each)}" for each in gone.get("nodes", ()))
    session.output.result(gone, f"Removed {name}.{still}{nodes}")


def _left_there(node: dict[str, Any]) -> str:
    """Say in one sentence what becomes of a removed model's file on a node."""
    if not node["brought"]:
        return f"{node['node']} has the file of its own: it stays there, until somebody removes it on that machine."
    if node["state"] in ("here", "drained"):
        return f"{node['node']} has the file, too, and gives it up within seconds (node.file_removed is on record)."
    return f"{node['node']} had the file when it was last heard of, is {node['state']}, and gives it up once back."


@command(app, "verify", examples=["sekisho models verify", "sekisho models verify smollm2-135m-instruct --json"])
def verify(session: Session, model: Annotated[str, typer.Argument(metavar="[MODEL]", help="Else all.")] = "") -> None:
    """Hash model files, look into them and at their signatures. Leaves with 1 when one is not right.

    A model without a signature is right; whether it may serve is a rule of the policy. One that came with the program
    without its file, and that nothing here asks for, is not installed, which is no fault unless it is named.
    """
    store = shelf(session.settings)
    names = [known(store, model).name] if model else [manifest.name for manifest in store.manifests()]
    checks = []
    with session.output.bar("Hashing") as at:
        for done, name in enumerate(names):
            at(done, len(names))
            checks.append(store.verify(name))
    asked_for = {*loaded(session.settings, store), *store.aliases().values()}
    data = [_checked(check, _is_not_installed(store, check, asked_for)) for check in checks]
    rows = [(each["model"], each["status"], _signed(each), each["why"], each["path"]) for each in data]
    columns = ("model", "status", "signature", "why", "file")
    session.output.table("Model files", columns, rows, {"data": data}, "No model is known.")
    fine = ("ok",) if model else ("ok", NOT_INSTALLED)
    if any(each["status"] not in fine for each in data):
        raise typer.Exit(ANSWERED_NO)


def _is_not_installed(store: ContentStore, check: Check, asked_for: set[str]) -> bool:
    """Whether a file is missing because nobody ever wanted it here; in doubt it is missing.

    The program brings manifests of models whose weights a bundle need not hold. Who added one, signed it, gave it an
    alias, or lets the settings load it, wanted it.
    """
    manifest = check.manifest
    wanted = manifest.name in asked_for or store.is_own(manifest) or store.signatures.kept(manifest)
    return check.status == "missing" and not wanted


def loaded(settings: Settings, store: ContentStore) -> list[str]:
    """Return the models that this node loads, those that guess ahead for them, and their adapters, each once."""
    served = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
    found: list[str] = []
    for wish in served:
        own = store.canonical(wish.model) or wish.model
        draft = settings.engine_for(wish).draft
        found += [own, *([store.canonical(draft) or draft] if draft else [])]
        found += [adapter.name for adapter in store.adapters(own)]
    return list(dict.fromkeys(found))


def _places(settings: Settings, store: ContentStore) -> dict[str, list[dict[str, str]]]:
    """Return on which nodes each model is served, and in which state; without a server what the settings say."""
    from gateway.cli.server import running_server

    server = running_server(settings.run)
    fleet = _told(server) if server else None
    if fleet is None:
        own: list[dict[str, str]] = [{"node": settings.site.node, "state": ""}]
        return {name: own for wish in settings.served if (name := store.canonical(wish.model))}
    where: dict[str, list[dict[str, str]]] = {}
    for each in fleet["models"]:
        where.setdefault(each["model"], []).append({"node": each["node"], "state": each["state"]})
    return where


def _told(server: Server) -> Any:
    """Return what the server says of its fleet; ``None`` where it does not know the question, as an earlier release."""
    from gateway.cli.trouble import ServerRefusal

    try:
        return server.get("fleet")
    except ServerRefusal as refusal:
        if refusal.status != 404:
            raise
        return None


def known(store: ContentStore, name: str) -> Manifest:
    manifest = store.find(name) or store.find(store.adapter_of(name))
    if manifest is None:
        known = ", ".join(store.names()) or "none"
        raise SetupError(f"There is no model {name!r}.", f"Known: {known}.", exit_code=USED_WRONGLY)
    return manifest


def plain(manifest: Manifest) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(manifest))


def _checked(check: Check, not_installed: bool) -> dict[str, str]:
    said, signature = check.why or check.signature.why, check.signature
    status = NOT_INSTALLED if not_installed else check.status
    found = {"model": check.manifest.name, "status": status, "why": said, "path": str(check.path)}
    return {**found, "signature": signature.status, "signer": signature.signer}


def _signed(entry: dict[str, Any]) -> str:
    return f"by {entry['signer']}" if entry["signer"] else str(entry["signature"])


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    names = ", ".join([*model["aliases"], *model["site_aliases"]])
    size = f"{model['size_bytes'] / 1e6:,.0f} MB"
    adapts = model["lineage"]["base"] if model["kind"] == "adapter" else ""
    state = (_signed(model), "yes" if model["present"] else "no", ", ".join(map(_place, model["where"])))
    context = str(model["context_tokens"] or "")
    return (model["name"], names, adapts, model["quantisation"], size, context, model["licence"], *state)


def _place(place: dict[str, str]) -> str:
    return f"{place['node']} ({place['state']})" if place["state"] else place["node"]


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {text}" for key, text in value.items() if text)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
