"""sekisho models: list, show, add, alias, verify."""

from pathlib import Path

import pytest
from gguf_files import model


@pytest.fixture
def file(house: Path) -> Path:
    path = house / "House Model.Q4_K_M.gguf"
    path.write_bytes(model("x"))
    return path


def names(sekisho) -> list[str]:
    return [entry["name"] for entry in sekisho("models", "list", "--json").json["data"]]


SHIPPED = ["all-minilm-l6-v2", "smollm2-135m-instruct"]


def test_the_shipped_models_are_known_but_not_in_the_store(sekisho, house: Path) -> None:
    listed = sekisho("models", "list", "--json").json["data"]
    seen = [(entry["name"], entry["present"], entry["served"]) for entry in listed]
    assert seen == [(SHIPPED[0], False, False), (SHIPPED[1], False, True)]


def test_a_new_model_gets_a_manifest_from_its_header(sekisho, file: Path) -> None:
    said = sekisho("models", "add", str(file), "--licence", "MIT", "--alias", "house", "--json")
    assert said.code == 0, said.err
    shown = sekisho("models", "show", "house", "--json").json
    assert (shown["name"], shown["quantisation"]) == ("house-model.q4_k_m", "Q4_K_M")
    assert (shown["context_tokens"], shown["capabilities"]) == (2048, ["chat", "complete"])
    assert shown["present"]
    assert sekisho("models", "verify", "house").code == 0


def test_adding_is_on_record(sekisho, file: Path) -> None:
    sekisho("models", "add", str(file), "--licence", "MIT")
    assert [record["type"] for record in sekisho("audit", "tail", "--json").json["data"]] == ["model.added"]


def test_a_model_of_unknown_licence_is_refused_with_the_mend(sekisho, file: Path) -> None:
    said = sekisho("models", "add", str(file))
    assert said.code == 2
    assert "--licence" in said.err
    assert names(sekisho) == SHIPPED


def test_what_is_no_model_is_refused(sekisho, house: Path) -> None:
    (house / "x.gguf").write_bytes(b"not a model")
    assert sekisho("models", "add", "x.gguf", "--licence", "MIT").code == 3
    assert sekisho("models", "add", "nowhere.gguf").code == 2


def test_a_changed_file_is_found_by_verify(sekisho, file: Path, house: Path) -> None:
    sekisho("models", "add", str(file), "--licence", "MIT", "--name", "own")
    path = Path(sekisho("models", "verify", "own", "--json").json["data"][0]["path"])
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    said = sekisho("models", "verify", "own", "--json")
    assert (said.code, said.json["data"][0]["status"]) == (1, "wrong hash")


def statuses(sekisho, *names: str) -> tuple[int, dict[str, str]]:
    said = sekisho("models", "verify", *names, "--json")
    return said.code, {each["model"]: each["status"] for each in said.json["data"]}


@pytest.fixture
def served(sekisho, file: Path, house: Path) -> str:
    """The name of a model of the site's own that is there, and the only one that the settings load."""
    sekisho("models", "add", str(file), "--licence", "MIT", "--name", "own")
    config = house / "sekisho.yaml"
    config.write_text(f"{config.read_text()}\nfleet: {{models: [{{model: own}}]}}\n")
    return "own"


def test_what_came_with_the_program_without_its_file_is_not_installed(sekisho, served: str) -> None:
    assert statuses(sekisho) == (0, {**dict.fromkeys(SHIPPED, "not installed"), served: "ok"})


def test_what_is_not_installed_is_a_no_to_whom_asks_for_it(sekisho, served: str) -> None:
    assert statuses(sekisho, SHIPPED[0]) == (1, {SHIPPED[0]: "not installed"})


def test_a_file_that_is_gone_is_missing_where_the_settings_load_it(sekisho, house: Path) -> None:
    assert statuses(sekisho) == (1, {SHIPPED[0]: "not installed", SHIPPED[1]: "missing"})


def test_a_file_that_is_gone_is_missing_where_the_site_added_it(sekisho, served: str, house: Path) -> None:
    config = house / "sekisho.yaml"
    config.write_text(config.read_text().replace("model: own", f"model: {SHIPPED[1]}"))
    Path(sekisho("models", "verify", served, "--json").json["data"][0]["path"]).unlink()

    assert statuses(sekisho)[1] == {SHIPPED[0]: "not installed", SHIPPED[1]: "missing", served: "missing"}


def test_a_file_that_is_gone_is_missing_where_an_alias_leads_to_it(sekisho, served: str) -> None:
    assert sekisho("models", "alias", "embedder", SHIPPED[0]).code == 0

    assert statuses(sekisho) == (1, {SHIPPED[0]: "missing", SHIPPED[1]: "not installed", served: "ok"})


def test_a_file_that_is_gone_is_missing_where_somebody_signed_it(sekisho, served: str, house: Path) -> None:
    sha256 = {entry["name"]: entry["sha256"] for entry in sekisho("models", "list", "--json").json["data"]}[SHIPPED[0]]
    folder = house / ".sekisho" / "store" / "signatures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{sha256}.json").write_text("{}")

    assert statuses(sekisho)[1][SHIPPED[0]] == "missing"


def test_an_alias_of_the_site_is_listed(sekisho, house: Path) -> None:
    assert sekisho("models", "alias", "gpt-4o", "smollm2").code == 0
    aliases = {entry["name"]: entry["site_aliases"] for entry in sekisho("models", "list", "--json").json["data"]}
    assert aliases == {SHIPPED[0]: [], SHIPPED[1]: ["gpt-4o"]}


@pytest.mark.parametrize("command", [("show", "x"), ("verify", "x"), ("alias", "a", "x")])
def test_an_unknown_model_is_answered_with_those_known(sekisho, house: Path, command: tuple[str, ...]) -> None:
    said = sekisho("models", *command)
    assert said.code == 2
    assert "smollm2" in said.err or "sekisho models list" in said.err
