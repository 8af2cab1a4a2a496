"""sekisho models: folders, parts, adapters, removing, signing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from gguf_files import adapter, model, of_tensors
from model_signatures import bundle, new_key, public_pem, statement

from gateway.cli.models import _left_there


def records(sekisho) -> list[str]:
    return [record["type"] for record in sekisho("audit", "tail", "--json").json["data"]]


def models(sekisho) -> dict[str, dict[str, object]]:
    return {entry["name"]: entry for entry in sekisho("models", "list", "--json").json["data"]}


@pytest.fixture
def base(sekisho, house: Path) -> str:
    (house / "base.gguf").write_bytes(model("{{ messages[0].content }}"))
    assert sekisho("models", "add", "base.gguf", "--licence", "MIT").code == 0
    return "base"


def test_a_folder_is_added_and_what_is_refused_is_named(sekisho, house: Path) -> None:
    folder = house / "usb"
    folder.mkdir()
    (folder / "good.gguf").write_bytes(model())
    (folder / "evil.gguf").write_bytes(model("{{ ''.__class__ }}", fill=2))
    said: dict[str, object] = {"general.architecture": "llama", "split.count": 2}
    for number, tensors in enumerate(({"token_embd.weight": (32, 8)}, {"output.weight": (32, 8)})):
        content = of_tensors({**said, "split.no": number, "llama.context_length": 64}, tensors, 3)
        (folder / f"big-0000{number + 1}-of-00002.gguf").write_bytes(content)

    done = sekisho("models", "add", str(folder), "--licence", "MIT", "--json")

    assert done.code == 3
    assert [entry["name"] for entry in done.json["data"]] == ["big", "good"]
    assert [entry["file"] for entry in done.json["refused"]] == ["evil.gguf"]
    assert "refused by the sandbox" in done.json["refused"][0]["problem"]
    big = sekisho("models", "show", "big", "--json").json
    assert (big["lineage"]["recipe"], big["context_tokens"], big["present"]) == ("joined from 2 parts", 64, True)
    assert not list((house / ".sekisho" / "store" / "sha256").glob(".partial-*"))


def test_an_adapter_is_added_for_the_model_that_it_fits(sekisho, house: Path, base: str) -> None:
    (house / "tone.gguf").write_bytes(adapter())
    (house / "other.gguf").write_bytes(adapter(base="qwen2"))

    assert sekisho("models", "add", "tone.gguf", "--licence", "MIT").code == 2
    assert sekisho("models", "add", "tone.gguf", "--licence", "MIT", "--base", base).code == 0
    refused = sekisho("models", "add", "other.gguf", "--licence", "MIT", "--base", base)

    assert refused.code == 3
    assert "other.gguf is no adapter for base: it is for qwen2, not llama." in refused.err
    entry = models(sekisho)["tone"]
    assert (entry["kind"], entry["capabilities"], entry["lineage"]["base"]) == ("adapter", [], "base")
    assert sekisho("models", "show", "base:tone", "--json").json["name"] == "tone"
    refused = sekisho("models", "alias", "warm", "tone")
    assert (refused.code, "Callers ask for it as base:tone." in refused.err) == (2, True)
    assert sekisho("models", "remove", base).code == 2


def test_a_model_is_removed_on_record_and_one_that_is_served_is_not(sekisho, house: Path, base: str) -> None:
    said = sekisho("models", "remove", base, "--json")
    assert (said.code, said.json["still_known"]) == (0, False)
    assert base not in models(sekisho)
    assert records(sekisho)[-1] == "model.removed"

    refused = sekisho("models", "remove", "smollm2")
    assert refused.code == 2
    assert "is being served" in refused.err


def write_key(path: Path, key: EllipticCurvePrivateKey, passphrase: bytes = b"") -> None:
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    path.with_suffix(".pub").write_text(public_pem(key))


def test_a_signature_that_was_made_elsewhere_counts_once_its_key_does(sekisho, house: Path, base: str) -> None:
    key = new_key()
    write_key(house / "mia.pem", key)
    sha256 = str(models(sekisho)[base]["sha256"])
    (house / "base.sig").write_text(json.dumps(bundle(key, statement(sha256))))

    early = sekisho("models", "sign", base, "--signature", "base.sig")
    assert early.code == 3
    assert "sekisho models keys add" in early.err
    assert sekisho("models", "keys", "add", "mia", "mia.pub").code == 0
    assert sekisho("models", "sign", base, "--signature", "base.sig", "--json").json["signer"] == "mia"

    (checked,) = sekisho("models", "verify", base, "--json").json["data"]
    assert (checked["status"], checked["signature"], checked["signer"]) == ("ok", "signed", "mia")
    assert [entry["name"] for entry in sekisho("models", "keys", "list", "--json").json["data"]] == ["mia"]
    assert sekisho("models", "keys", "remove", "mia").code == 0
    assert models(sekisho)[base]["signature"] == "unknown key"
    assert [each.removeprefix("model.") for each in records(sekisho) if each.startswith("model.")] == [
        *("added", "signed", "signed.refused", "key_added", "signed", "key_removed")
    ]


def test_a_bad_signature_is_named_by_verify(sekisho, house: Path, base: str) -> None:
    key = new_key()
    write_key(house / "mia.pem", key)
    sekisho("models", "keys", "add", "mia", "mia.pub")
    entry = models(sekisho)[base]
    folder = house / ".sekisho" / "store" / "signatures"
    folder.mkdir()
    (folder / f"{entry['sha256']}.json").write_text(json.dumps(bundle(key, statement("0" * 64))))

    said = sekisho("models", "verify", base, "--json")

    assert (said.code, said.json["data"][0]["status"]) == (1, "bad signature")
    assert said.json["data"][0]["why"] == "it is for other bytes"


def test_sign_wants_a_key_or_a_signature(sekisho, house: Path, base: str) -> None:
    assert sekisho("models", "sign", base).code == 2
    (house / "x.pem").write_text("no key")
    assert sekisho("models", "sign", base, "--key", "x.pem").code == 2


@pytest.mark.real
@pytest.mark.parametrize("passphrase", [b"", b"six short words"])
def test_a_model_is_signed_with_a_key_of_ones_own(sekisho, house: Path, base: str, passphrase: bytes) -> None:
    write_key(house / "mia.pem", new_key(), passphrase)
    sekisho("models", "keys", "add", "mia", "mia.pub")

    said = sekisho("models", "sign", base, "--key", "mia.pem", "--out", "base.sig", "--json", given=passphrase.decode())

    assert said.code == 0, said.err
    assert said.json["signer"] == "mia"
    assert json.loads((house / "base.sig").read_text())["mediaType"].startswith("application/vnd.dev.sigstore.bundle")


@pytest.mark.real
@pytest.mark.slow
def test_a_model_is_quantised_and_says_from_what(sekisho, house: Path, model_file: Path) -> None:
    pytest.importorskip("llama_cpp")
    assert sekisho("models", "add", str(model_file)).code == 0

    said = sekisho("models", "quantise", "smollm2", "--to", "Q2_K", "--name", "small", "--json")

    assert said.code == 0, said.err
    assert (said.json["quantisation"], said.json["lineage"]["base"]) == ("Q2_K", "smollm2-135m-instruct")
    assert said.json["size_bytes"] < model_file.stat().st_size
    assert sekisho("models", "verify", "small").code == 0
    assert sekisho("models", "quantise", "smollm2", "--to", "Q2_K", "--name", "small").code == 2
    assert sekisho("models", "quantise", "smollm2", "--to", "Q9").code == 2


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"state": "here", "brought": True}, "gpu1 has the file, too, and gives it up within seconds"),
        ({"state": "away", "brought": True}, "is away, and gives it up once back."),
        ({"state": "here", "brought": False}, "gpu1 has the file of its own: it stays there"),
    ],
)
def test_who_removes_a_model_reads_what_becomes_of_its_file_on_each_node(node: dict[str, Any], said: str) -> None:
    assert said in _left_there({"node": "gpu1", **node})


def test_a_file_that_is_known_is_not_named_anew_and_says_how_it_could_be(sekisho, base: str) -> None:
    again = sekisho("models", "add", "base.gguf", "--licence", "MIT", "--name", "second", "--alias", "third")
    same = sekisho("models", "add", "base.gguf", "--licence", "MIT", "--name", base)

    assert again.code == same.code == 0
    assert "This file is known as base, so it was not named second." in again.out
    assert "sekisho models alias third base" in again.out
    assert "not named" not in same.out
