"""sekisho doctor: every check says what to mend; every stable code of the program has an explanation."""

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from gateway import errors, settings
from gateway.audit.book import LogBook
from gateway.audit.events import EVENTS
from gateway.audit.log.reader import logs
from gateway.cli import checks, checks_site
from gateway.cli.codes import Explanation, explanations
from gateway.keys.files import FileKeyring
from gateway.policy.explain import TEXTS
from gateway.settings import ServerSettings, Settings
from gateway.settings_help import HELP

ROOMS = "identity|limits|privacy|policy|fleet|engine|audit|request|server|admin"
CODE = re.compile(rf'"((?:{ROOMS})\.[a-z_]+)"')
NOT_CODES = {"admin.sock", "limits.json", "limits.lua"}  # files
SETTINGS = {".".join(key.split(".")[:2]) for key in HELP}  # and the lists that settings are in
NOT_CODES |= SETTINGS - set(explanations())


@contextmanager
def answering(port: int, answer: object) -> Iterator[None]:
    """A server of one connection that answers the one thing it is asked with JSON."""
    body = json.dumps(answer).encode()
    with socket.create_server(("127.0.0.1", port)) as listener:

        def answer_once() -> None:
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 503 -\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield
        thread.join()


def codes_in(text: str) -> set[str]:
    """Return the codes that a text names. A record's type, or the beginning of one, is none."""
    found = set(CODE.findall(text)) - NOT_CODES
    return {code for code in found if not any(type.startswith(code) for type in EVENTS)}


def test_every_code_of_program_and_policies_is_explained(repository: Path) -> None:
    files = [*(repository / "gateway").rglob("*.py"), *(repository / "policies").rglob("*.rego")]
    sources = [path for path in files if not path.name.endswith(("_test.rego", "settings.py", "settings_help.py"))]
    used = {code: path.name for path in sources for code in codes_in(path.read_text())}
    assert len(used) > 30
    assert {code: name for code, name in used.items() if code not in explanations()} == {}


def test_every_error_class_has_an_explained_code() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    refusals = [kind for kind in classes if issubclass(kind, errors.SekishoError)]
    assert {kind.default_code for kind in refusals} <= set(explanations())
    for kind in refusals:
        assert explanations()[kind.default_code].status == kind.status


def test_every_reason_of_the_policies_is_explained() -> None:
    assert set(TEXTS) <= set(explanations())


@pytest.mark.parametrize("code", explanations())
def test_an_explanation_is_whole(code: str) -> None:
    explanation = explanations()[code]
    assert all(getattr(explanation, field.name) for field in fields(Explanation) if field.name != "status")
    assert explanation.status in {0, 400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503}


def test_no_code_is_explained_twice(repository: Path) -> None:
    lines = (repository / "gateway/cli/codes.yaml").read_text().splitlines()
    heads = [line for line in lines if re.match(r"^[a-z]", line)]
    assert len(heads) == len(set(heads)) == len(explanations())


def test_a_code_is_told_to_people_and_to_scripts(sekisho) -> None:
    said = sekisho("doctor", "policy.residency")
    assert said.code == 0
    assert "HTTP 403" in said.out
    assert "privacy officer" in said.out
    assert sekisho("doctor", "policy.residency", "--json").json["status"] == 403


def test_an_unknown_code_is_answered_with_near_ones(sekisho) -> None:
    said = sekisho("doctor", "policy.residence")
    assert said.code == 2
    assert "policy.residency" in said.err


def test_a_fresh_installation_without_a_model_fails_with_the_mend(sekisho, house: Path) -> None:
    said = sekisho("doctor", "--json")
    assert said.code == 1
    failing = {check["name"]: check for check in said.json["checks"] if check["state"] == "fails"}
    assert "sekisho models add" in failing["model"]["mend"]


def test_a_model_that_is_loaded_beside_another_is_checked_too(sekisho, house: Path) -> None:
    config = house / "sekisho.yaml"
    config.write_text(config.read_text().replace("engine:\n", "engine:\n  draft: all-minilm-l6-v2\n", 1))
    found = {check["name"]: check for check in sekisho("doctor", "--json").json["checks"]}["model"]
    assert found["state"] == "fails"
    for name in ("smollm2-135m-instruct", "all-minilm-l6-v2"):
        assert f"{name}: missing" in found["said"]


def test_what_is_not_ok_always_has_a_mend(sekisho, house: Path) -> None:
    found = sekisho("doctor", "--json").json["checks"]
    assert len({check["name"] for check in found}) == len(found) >= 15
    assert [check for check in found if (check["state"] == "ok") == bool(check["mend"])] == []


def test_secrets_open_to_others_fail(sekisho, house: Path) -> None:
    (house / ".sekisho/keys/pepper").chmod(0o644)
    found = {check["name"]: check for check in sekisho("doctor", "--json").json["checks"]}
    assert found["secrets"]["state"] == "fails"


def test_a_taken_port_fails(house: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        found = checks_site.address(Settings(server=ServerSettings(listen=listen), data_dir=str(house)))
    assert (found.state, "server.listen" in found.mend) == ("fails", True)


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ({"rooms": {"audit": {"ready": True}, "engine": {"ready": True}}}, "ok", "is ready"),
        ({"rooms": {"audit": {"ready": False}, "engine": {"ready": True}}}, "fails", "is not ready: audit"),
        ({"rooms": {"audit": {"ready": True}, "engine": {}}}, "fails", "does not answer"),
        ([], "fails", "does not answer"),
    ],
)
def test_a_server_that_is_not_ready_says_what_is_not(
    house: Path, free_port: int, monkeypatch: pytest.MonkeyPatch, answer: object, state: str, said: str
) -> None:
    monkeypatch.setattr(checks_site, "running_server", lambda run: object())
    its = replace(settings.load(str(house / "sekisho.yaml")), server=ServerSettings(listen=f"127.0.0.1:{free_port}"))
    with answering(free_port, answer):
        check = checks_site.address(its)

    assert (check.state, said in check.said) == (state, True)
    assert ("sekisho audit verify" in check.mend) == ("audit" in check.said)


def test_a_long_run_folder_fails() -> None:
    assert checks_site.sockets(Settings(run_dir="/" + "x" * 90)).state == "fails"
    assert checks_site.sockets(Settings(run_dir="/run/sekisho")).state == "ok"


def test_little_disk_and_memory_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(checks, "_memory_available", lambda: 1)
    small = Settings(data_dir=str(tmp_path))
    assert [checks.disk(small).state, checks.memory(small).state] == ["fails", "fails"]


def test_open_addresses_are_refused_by_serve_too(sekisho, house: Path) -> None:
    config = yaml.safe_load((house / "sekisho.yaml").read_text())
    config["server"]["listen"] = "0.0.0.0:8080"
    (house / "sekisho.yaml").write_text(yaml.safe_dump(config))
    assert sekisho("serve").code == 2
    assert sekisho("serve", "--listen", "10.1.1.1:80").code == 2


def test_counters_that_cannot_be_restored_fail(sekisho, house: Path) -> None:
    assert sekisho("keys", "create", "--name", "n", "--tenant", "t").code == 0
    here = settings.load(str(house / "sekisho.yaml"))
    assert checks_site.counters(here).said == "persons are counted from 1 log"
    (log,) = logs(here.data / "audit")
    book = LogBook(
        here.data / "audit",
        origin=log.parent.relative_to(here.data / "audit").as_posix(),
        log_key=FileKeyring(here.keys).log_key(),
        settings=here.audit,
    )
    book.open()
    book.event("policy.subjects", nonsense=1)
    book.close()

    found = checks_site.counters(here)

    assert (found.state, "audit verify" in found.mend) == ("fails", True)
