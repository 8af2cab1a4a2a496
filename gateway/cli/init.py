"""``sekisho init``: asks a few questions, or takes flags, and writes a configuration that works.

Writes ``sekisho.yaml`` and ``rules.csv`` into the folder, and secrets into the data folder. Never overwrites a
configuration without ``--force``, and never a secret. Builds the first policy and puts it in force; later ones are
built and activated with ``sekisho policy``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import init_anchor
from gateway.cli.address import listen_problem, refuse_open_address
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.settings import Settings

PRESETS = {
    "demo": "try it out: tags personal data, allows this site and what the rules name adequate",
    "balanced": "for daily work: personal data stay within adequate jurisdictions",
    "strict": "nothing leaves this machine unless a rule of yours says so",
}
PROVIDERS = ("files", "passphrase", "systemd", "pkcs11")
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_JURISDICTION = re.compile(r"([A-Z]{2})?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LONGEST_SOCKET_NAME = 24
_SOCKET_PATH_BYTES = 100


@dataclass(frozen=True)
class Answers:
    """What a newcomer is asked."""

    site: str = "site"
    jurisdiction: str = ""
    language: str = "en"
    preset: str = "demo"
    listen: str = "127.0.0.1:8080"
    tls_certificate: str = ""
    tls_key: str = ""
    key_provider: str = "files"
    pkcs11_module: str = ""
    pkcs11_token: str = ""
    anchor: str = ""


def register(app: typer.Typer) -> None:
    examples = [
        "sekisho init",
        "sekisho init --site ingolstadt --jurisdiction DE --preset balanced --anchor file:/mnt/heads/ingolstadt.heads",
        "sekisho init --dir /etc/sekisho --listen 10.0.0.5:8443 --tls-certificate site.pem --tls-key site.key",
        "sekisho --passphrase-fd 3 init --key-provider passphrase 3< passphrase.txt",
    ]
    command(app, "init", examples=examples)(init)


def init(
    session: Session,
    site: Annotated[str | None, typer.Option(help="Name of this site, a-z 0-9 and -. [default: site]")] = None,
    jurisdiction: Annotated[
        str | None, typer.Option(help="Country of this site, ISO 3166-1 alpha-2. Empty: prompts stay on this machine.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language of messages, BCP 47. [default: en]")] = None,
    preset: Annotated[str | None, typer.Option(help="Rule set: demo, balanced or strict. [default: demo]")] = None,
    listen: Annotated[str | None, typer.Option(help="Address to serve on. [default: 127.0.0.1:8080]")] = None,
    tls_certificate: Annotated[str, typer.Option(help="PEM file; needed to listen beyond this machine.")] = "",
    tls_key: Annotated[str, typer.Option(help="PEM file; needed to listen beyond this machine.")] = "",
    key_provider: Annotated[
        str, typer.Option(help="What seals the secrets: files (nothing), passphrase, systemd or pkcs11.")
    ] = "files",
    pkcs11_module: Annotated[str, typer.Option(help="With pkcs11: the library that speaks for the token.")] = "",
    pkcs11_token: Annotated[str, typer.Option(help="With pkcs11: the token's label.")] = "",
    anchor: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE", help="Where the log's heads go: file:PATH, syslog:HOST:PORT,ca=…, node:URL,key=… or none."
        ),
    ] = None,
    folder: Annotated[Path, typer.Option("--dir", help="Where to write sekisho.yaml and rules.csv.")] = Path(),
    data: Annotated[str, typer.Option("--data-dir", help="Where keys, log and state go; else .sekisho in --dir.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace sekisho.yaml and rules.csv.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
) -> None:
    """Set up this machine: configuration, rules and keys. Asks what no flag says, when there is somebody to ask."""
    _refuse_overwriting(folder, force)
    flags = {"site": site, "jurisdiction": jurisdiction, "language": language, "preset": preset, "listen": listen}
    flags["anchor"] = anchor
    answers = _ask(flags, asking=sys.stdin.isatty() and not (yes or session.output.as_json))
    answers = replace(answers, tls_certificate=_absolute(tls_certificate), tls_key=_absolute(tls_key))
    answers = replace(
        answers, key_provider=key_provider, pkcs11_module=_absolute(pkcs11_module), pkcs11_token=pkcs11_token
    )
    _check(answers)
    init_anchor.refuse_unusable(answers.anchor, folder)
    settings = write_installation(folder, answers, session.opened_by, _absolute(data))
    with session.output.progress("Building the first policy"):
        policy, hindrance = _first_policy(settings)
    _report(session, folder, settings, policy)
    if hindrance:
        session.output.note(f"No policy is in force yet: {hindrance}")


def write_installation(
    folder: Path,
    answers: Answers,
    opened_by: Callable[[Settings], Settings] = lambda settings: settings,
    data_dir: str = "",
) -> Settings:
    """Write configuration, rules and the secrets that are missing; return the settings as they read back.

    Args:
        opened_by: says in the settings what opens the secrets, where the command line does.
        data_dir: where data go; empty: /var/lib/sekisho for /etc/sekisho, else beside the configuration.

    Raises:
        SetupError: something could not be written.
    """
    from gateway import settings
    from gateway.cli.init_file import yaml_text
    from gateway.keys.opening import create_keyring
    from gateway.policy.table.read import preset

    config = folder / "sekisho.yaml"
    made = [path for path in (config, folder / "rules.csv") if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        usual = "/var/lib/sekisho" if folder.resolve() == Path("/etc/sekisho") else "./.sekisho"
        run_dir = _short_run_dir((folder / (data_dir or usual)).resolve())
        _write(config, yaml_text(answers, data_dir or usual, run_dir))
        _write(folder / "rules.csv", preset(answers.preset))
        written = opened_by(settings.load(str(config)))
        for place in (written.data, written.state, written.store):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({error.strerror}).", "Check its owner and free space."
        ) from error
    try:
        create_keyring(written)
    except SetupError:  # what should seal the secrets is not there: the same command shall do when it is
        for path in made:
            path.unlink(missing_ok=True)
        raise
    return written


def _first_policy(settings: Settings) -> tuple[str, str]:
    """Build and activate the first revision, unless one is in force; return its id, or why there is none."""
    from gateway.cli.changes import admin_book
    from gateway.cli.lock import data_lock
    from gateway.cli.policy_changes import OfflinePolicy

    try:
        with data_lock(settings.state), admin_book(settings) as book:
            return str(OfflinePolicy(settings, book).first()["revision"]), ""
    except SetupError as error:
        return "", str(error)


def _refuse_overwriting(folder: Path, force: bool) -> None:
    there = [name for name in ("sekisho.yaml", "rules.csv") if (folder / name).exists()]
    if there and not force:
        mend = "Use --force to replace it, or --dir for another folder."
        raise SetupError(f"There is a {there[0]} in {folder.resolve()} already.", mend, exit_code=USED_WRONGLY)


def _check(answers: Answers) -> None:
    """Refuse answers that would make a broken or an unsafe installation."""
    from gateway.settings import ServerSettings

    for name, problem in PROBLEMS.items():
        said = problem(getattr(answers, name))
        if said:
            raise SetupError(said, f"Give another --{name.replace('_', '-')}.", exit_code=USED_WRONGLY)
    if not answers.anchor and answers.preset != "demo":
        raise SetupError(init_anchor.UNANSWERED, init_anchor.MEND, exit_code=USED_WRONGLY)
    refuse_open_address(
        ServerSettings(answers.listen, tls_certificate=answers.tls_certificate, tls_key=answers.tls_key)
    )
    for file in filter(None, (answers.pkcs11_module,)):
        if not Path(file).is_file():
            raise SetupError(f"There is no library {file}.", "Check --pkcs11-module.", exit_code=USED_WRONGLY)
    for file in filter(None, (answers.tls_certificate, answers.tls_key)):
        if not Path(file).is_file():
            raise SetupError(f"There is no file {file}.", "Check the path of the TLS file.", exit_code=USED_WRONGLY)


PROBLEMS: dict[str, Callable[[str], str]] = {
    "site": lambda text: "" if _NAME.fullmatch(text) else "A site's name is a-z, 0-9 and -.",
    "jurisdiction": lambda text: "" if _JURISDICTION.fullmatch(text) else "A jurisdiction is two letters, such as DE.",
    "language": lambda text: "" if _LANGUAGE.fullmatch(text) else "A language is a BCP 47 tag, such as de or pt-BR.",
    "preset": lambda text: "" if text in PRESETS else f"A preset is one of {', '.join(PRESETS)}.",
    "listen": listen_problem,
    "anchor": init_anchor.anchor_problem,
    "key_provider": lambda text: "" if text in PROVIDERS else f"A key provider is one of {', '.join(PROVIDERS)}.",
}
"""What is wrong with an answer, or an empty text."""

QUESTIONS = {
    "site": "Name of this site",
    "jurisdiction": "Country of this site, two letters (empty: prompts stay on this machine)",
    "language": "Language of messages",
    "preset": "Rules: " + "; ".join(f"{name} ({what})" for name, what in PRESETS.items()) + "\nWhich",
    "listen": "Serve on address:port",
    "anchor": init_anchor.QUESTION,
}


def _ask(flags: dict[str, str | None], asking: bool) -> Answers:
    """Return the flags, with questions asked or defaults taken for those that were not given."""
    given = {name: _tidy(name, value) for name, value in flags.items() if value is not None}
    answers = Answers(**given)
    for name in [name for name in QUESTIONS if asking and name not in given]:
        answers = replace(answers, **{name: _ask_until_good(name, _default(answers, name))})
    return answers


def _default(answers: Answers, name: str) -> str | None:
    """Return what Enter means; ``None``: it means nothing, an answer is wanted."""
    if name == "anchor":
        return init_anchor.NONE if answers.preset == "demo" else None
    return str(getattr(answers, name))


def _ask_until_good(name: str, default: str | None) -> str:
    while True:
        answer = _tidy(name, str(typer.prompt(QUESTIONS[name], default=default, show_default=bool(default), err=True)))
        problem = PROBLEMS[name](answer)
        if not problem:
            return answer
        typer.echo(problem, err=True)


def _tidy(name: str, text: str) -> str:
    return text.strip().upper() if name == "jurisdiction" else text.strip()


def _absolute(file: str) -> str:
    return str(Path(file).resolve()) if file else ""


def _short_run_dir(data: Path) -> str:
    """Return where sockets go: empty (in the data folder) unless their paths would grow over the system's limit."""
    if len(str(data / "run").encode()) + 1 + _LONGEST_SOCKET_NAME < _SOCKET_PATH_BYTES:
        return ""
    own = Path(f"/run/user/{os.getuid()}")
    return str((own if own.is_dir() else Path("/run")) / "sekisho")


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _report(session: Session, folder: Path, settings: Settings, policy: str) -> None:
    config = folder / "sekisho.yaml"
    default = config.resolve() == Path("sekisho.yaml").resolve()
    serve = "sekisho serve" if default else f"sekisho serve --config {config}"
    data = {
        "config": str(config.resolve()),
        "rules": str(settings.rules_file),
        "data": str(settings.data),
        "policy": policy,
    }
    place = settings.site.jurisdiction or "not set: prompts stay on this machine"
    session.output.result(
        data,
        f"Wrote {config} and {folder / 'rules.csv'} (preset {settings.site.preset}).",
        f"Keys, audit log, state and models go to {settings.data}. Back up its keys/ apart from the rest.",
        f"Site {settings.site.name}, jurisdiction {place}.",
        init_anchor.told(settings.audit.anchors),
        *([f"Policy {policy} is in force."] if policy else []),
        f"Next: {serve}",
    )
