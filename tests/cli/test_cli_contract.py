"""What holds for every command: help with examples, options in any place, exit codes, one-line errors, speed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from gateway.cli import main as main_module
from gateway.cli.session import Session
from gateway.cli.trouble import trouble_of
from gateway.errors import PolicyDenied, SetupError, Unauthenticated, Unavailable

COMMANDS = [
    *(("serve",), ("init",), ("doctor",), ("bench",), ("version",)),
    *(("keys", verb) for verb in ("create", "list", "revoke", "check")),
    *(("keys", verb) for verb in ("rotate", "secrets", "protect")),
    *(("limits", verb) for verb in ("show", "set")),
    *(("tenants", verb) for verb in ("list", "show", "add", "change", "remove")),
    *(("projects", verb) for verb in ("list", "show", "add", "change", "remove")),
    *(("models", verb) for verb in ("list", "show", "add", "alias", "verify")),
    *(("models", verb) for verb in ("load", "unload", "pin", "fit", "remove", "quantise", "sign")),
    *(("models", "keys", verb) for verb in ("add", "list", "remove")),
    *(("engines", verb) for verb in ("build", "list", "show", "remove")),
    ("fleet", "status"),
    *(("batches", verb) for verb in ("list", "show", "cancel")),
    ("import", "litellm"),
    ("bundle", "build"),
    *(("bundle", verb) for verb in ("verify", "diff", "update", "rollback", "status", "uninstall")),
    *(("bundle", "keys", verb) for verb in ("create", "rotate", "sign", "show")),
    *(("bundle", "break-glass", verb) for verb in ("create", "sign", "show")),
    *(("bundle", "outbox", verb) for verb in ("create", "verify", "show")),
    *(("bundle", "client", verb) for verb in ("init", "refresh", "download")),
    *(("node", verb) for verb in ("token", "list", "show", "drain", "remove", "trust", "update", "join", "serve")),
    *(("policy", verb) for verb in ("check", "test", "show", "cases")),
    *(("policy", verb) for verb in ("build", "sign", "verify", "activate", "rollback", "status", "diff")),
    *(("policy", verb) for verb in ("ask", "explain", "replay")),
    *(("policy", verb) for verb in ("render", "lint")),
    *(("policy", "table", verb) for verb in ("export", "import")),
    *(("policy", "shadow", verb) for verb in ("start", "status", "stop")),
    *(("policy", "signer", verb) for verb in ("create", "add", "list", "remove")),
    *(("policy", "break-glass", verb) for verb in ("request", "sign", "list", "end")),
    *(("privacy", verb) for verb in ("scan", "explain", "eval")),
    *(("audit", verb) for verb in ("verify", "export", "search", "tail")),
    *(("audit", *verb) for verb in (("report",), ("index", "status"), ("index", "rebuild"))),
    *(("audit", verb) for verb in ("status", "anchor", "templates")),
    *(("audit", "subject", verb) for verb in ("request", "sign", "list", "show")),
    *(("audit", verb) for verb in ("erase", "content", "expire")),
    *(("audit", "witness", verb) for verb in ("create", "serve", "status", "forget")),
    *(("audit", *verb) for verb in (("prune",), ("recover",), ("hold", "set"), ("hold", "clear"), ("hold", "list"))),
]
ENTRY = [sys.executable, "-c", "from gateway.cli.main import main; main()"]


def entry(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ENTRY, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(sekisho, command: tuple[str, ...]) -> None:
    said = sekisho(*command, "--help")
    assert said.code == 0
    assert f"  sekisho {' '.join(command)}" in said.out.partition("Examples:")[2] or "| sekisho" in said.out
    assert {"--config", "--json"} <= set(said.out.split())


def test_the_list_of_commands_here_is_whole() -> None:
    group = typer.main.get_command(main_module.app)
    found = [(name, *rest) for name, command in group.commands.items() for rest in _verbs(command)]
    assert sorted(found) == sorted(COMMANDS)


def _verbs(command) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", {})
    return [(verb, *rest) for verb, deeper in below.items() for rest in _verbs(deeper)] or [()]


@pytest.mark.parametrize("place", ["before", "after"])
def test_common_options_are_understood_before_and_after_the_command(sekisho, house: Path, place: str) -> None:
    options = ("--json", "--config", str(house / "sekisho.yaml"))
    said = sekisho(*options, "keys", "list") if place == "before" else sekisho("keys", "list", *options)
    assert said.json == {"data": []}


@pytest.mark.parametrize("arguments", [("nonsense",), ("keys", "create"), ("keys", "list", "--nonsense")])
def test_wrong_use_is_2(sekisho, arguments: tuple[str, ...]) -> None:
    said = sekisho(*arguments)
    assert said.code == 2
    assert said.out == ""


def test_an_error_is_one_line_with_the_mend(sekisho, house: Path) -> None:
    said = sekisho("keys", "list", "--config", "nowhere.yaml")
    assert said.code == 2
    assert said.err == "sekisho: There is no configuration file nowhere.yaml. Run: sekisho init\n"


def test_with_json_an_error_is_json_on_standard_output(sekisho, house: Path) -> None:
    said = sekisho("keys", "revoke", "nobody", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "identity.key_not_found"
    assert said.err == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SetupError("a", "b"), 3),
        (SetupError("a", "b", exit_code=2), 2),
        (PolicyDenied(), 1),
        (Unauthenticated(), 2),
        (Unavailable(), 3),
        (ValueError("secret"), 3),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert trouble_of(error).exit_code == code


def test_an_unexpected_error_shows_neither_its_text_nor_a_traceback(sekisho, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Session) -> None:
        raise ValueError("Anna Schmidt")

    monkeypatch.setattr(Session, "settings", property(fail))
    said = sekisho("keys", "list")
    assert said.code == 3
    assert "ValueError" in said.err
    assert "Anna" not in said.err
    assert said.err.count("\n") == 1


def test_debug_shows_the_traceback(sekisho, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "settings", property(lambda self: 1 / 0))
    assert "Traceback" in sekisho("--debug", "keys", "list").err


def test_version(sekisho) -> None:
    assert sekisho("version").out.startswith("sekisho 0.")
    assert sekisho("version", "--json").json["python"].startswith("3.11")


@pytest.mark.real
def test_help_imports_nothing_heavy(repository: Path) -> None:
    program = "import sys; from gateway.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    program += "print([m for m in ('presidio_analyzer', 'spacy', 'fastapi', 'aiohttp', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.real
def test_the_real_program_answers_and_leaves_with_its_codes(repository: Path) -> None:
    begun = time.perf_counter()
    assert entry("--help", cwd=repository).returncode == 0
    assert time.perf_counter() - begun < 10  # a hang, not a benchmark
    wrong = entry("keys", "list", "--config", "/nonexistent.yaml", "--json", cwd=repository)
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["error"]["exit_code"] == 2
