"""``offline-bundle/compose`` agrees with the image, with the Containerfile and with the program's own words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from gateway.cli.main import app

PRESETS = ("demo", "balanced", "strict")
VARIABLES = {"SEKISHO_IMAGE", "SEKISHO_MEMORY", "SEKISHO_SITE", "SEKISHO_JURISDICTION", "SEKISHO_PRESET",
             "SEKISHO_LISTEN"}  # fmt: skip


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "offline-bundle/compose/compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text))


@pytest.fixture(scope="module")
def image(repository: Path) -> dict[str, Any]:
    """How the image is run: what ``umoci config`` is given, read from the source that gives it."""
    folder = repository / "offline-bundle/containers"
    source = (folder / "image.py").read_text(encoding="utf-8")
    number = int(re.findall(r"USER, NUMBER = .*?(\d+)", (folder / "base.py").read_text(encoding="utf-8"))[0])
    entry = re.findall(r'^ENTRY = "(.*)"', source, re.M)[0]
    options = re.findall(r'f?"--config\.(\w+)=([^"]*)"', source)
    filled = [(key, value.format(base=_Base(number), ENTRY=entry)) for key, value in options if key != "label"]
    return {key: [value for name, value in filled if name == key] for key, _ in filled}


class _Base:
    def __init__(self, number: int) -> None:
        self.NUMBER = number


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The command that these words name, with its options as the program itself reads them; nothing is run."""
    command: Any = typer.main.get_command(app)
    names: list[str] = []
    while hasattr(command, "commands"):
        names, (name, *words) = [*names, words[0]], words
        command = command.commands[name]
    return " ".join(names), command.make_context(names[-1], list(words)).params


def with_defaults(word: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word)


def test_the_services_run_what_the_image_holds_as_its_user(
    compose: dict[str, Any], image: dict[str, list[str]]
) -> None:
    for service in compose["services"].values():
        assert [service["user"]] == image["user"]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"] == service["memswap_limit"]  # no swap for prompts
        assert service["ulimits"]["core"] == 0
        assert service["pull_policy"] == "never"
        assert "entrypoint" not in service


def test_what_can_be_written_is_the_images_volumes(compose: dict[str, Any], image: dict[str, list[str]]) -> None:
    for service in compose["services"].values():
        mounts = dict(reversed(mount.removesuffix(":ro").split(":")) for mount in service["volumes"])
        written = {mount.split(":")[1] for mount in service["volumes"] if not mount.endswith(":ro")}
        assert written == set(image["volume"])
        assert {mounts[path] for path in written} == set(compose["volumes"])
        assert [one.split(":")[0] for one in service["tmpfs"]] == ["/tmp"]


def test_every_command_is_one_of_the_programs(compose: dict[str, Any], image: dict[str, list[str]]) -> None:
    init = [with_defaults(word) for word in compose["services"]["init"]["command"]]
    gateway = compose["services"]["gateway"]
    name, options = parsed(init)
    assert (name, str(options["folder"]), options["yes"]) == ("init", "/etc/sekisho", True)
    assert options["preset"] in PRESETS
    port = options["listen"].rsplit(":", 1)[1]
    assert image["exposedports"] == [f"{port}/tcp"]
    assert [with_defaults(one).rsplit(":", 1)[1] for one in gateway["ports"]] == [port]
    mounted = [mount.split(":")[1] for mount in compose["services"]["init"]["volumes"] if mount.endswith(":ro")]
    assert [str(Path(options[key]).parent) for key in ("tls_certificate", "tls_key")] == mounted * 2

    assert parsed(gateway["command"])[0] == "serve"
    assert gateway["command"] == image["cmd"]
    test = gateway["healthcheck"]["test"]
    assert [test[0], *test[1:2]] == ["CMD", *image["entrypoint"]]
    assert (parsed(test[2:])[0], parsed(test[2:])[1]["as_json"]) == ("fleet status", True)


def test_variables_are_these_and_only_the_image_has_to_be_named(text: str) -> None:
    told = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    named = dict(re.findall(r"\$\{(\w+):([-?])", told))
    assert (set(named), told.count("${")) == (VARIABLES, len(re.findall(r"\$\{\w+:[-?]", told)))
    assert [name for name, kind in named.items() if kind == "?"] == ["SEKISHO_IMAGE"]


def test_nothing_leaves_by_way_of_the_host(compose: dict[str, Any]) -> None:
    gateway, options = compose["services"]["gateway"], compose["networks"]["plant"]["driver_opts"]
    assert compose["services"]["init"]["network_mode"] == "none"
    assert gateway["networks"] == ["plant"]
    assert options == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert with_defaults(gateway["ports"][0]).startswith("127.0.0.1:")


def test_the_containerfile_makes_the_same(repository: Path, image: dict[str, list[str]]) -> None:
    text = (repository / "offline-bundle/containers/Containerfile").read_text(encoding="utf-8")
    said = dict(re.findall(r"(?m)^(USER|WORKDIR|VOLUME|EXPOSE|STOPSIGNAL|ENTRYPOINT|CMD) (.*)$", text))

    assert [said["USER"]] == image["user"]
    assert [said["WORKDIR"]] == image["workingdir"]
    assert json.loads(said["VOLUME"]) == image["volume"]
    assert [said["EXPOSE"]] == image["exposedports"]
    assert [said["STOPSIGNAL"]] == image["stopsignal"]
    assert json.loads(said["ENTRYPOINT"]) == image["entrypoint"]
    assert json.loads(said["CMD"]) == image["cmd"]
