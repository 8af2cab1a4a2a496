"""``sekisho models sign`` and ``sekisho models keys``: who vouches for a model's bytes.

Signatures are OpenSSF's (model-signing), with elliptic-curve keys in PEM files. A private key is its owner's: it is
read by the one command that signs, best on a machine without a network, and is never kept here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.models import ModelName, app, known, shelf
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

keys = group("keys", "The keys whose signatures of models count at this site.")
app.add_typer(keys)

_MOST_BYTES = 1024 * 1024


@command(
    app,
    "sign",
    examples=[
        "sekisho models sign house-model --key mia.pem",
        "sekisho models sign house-model --signature house-model.sig",
    ],
)
def sign(
    session: Session,
    model: ModelName,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Your private key: P-256, P-384 or P-521, PEM."),
    ] = None,
    signature: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A signature that was made elsewhere."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the signature there, too.")] = None,
) -> None:
    """Sign a model's file with your key, or bring a signature that was made elsewhere. It counts at once.

    Only a signature by a key that counts here is kept. The key's passphrase is asked at a terminal, or read from
    standard input.
    """
    from gateway.cli.changes import changes

    if (key is None) == (signature is None):
        raise SetupError("Give either --key or --signature.", "See: sekisho models sign --help", exit_code=USED_WRONGLY)
    store = shelf(session.settings)
    manifest = known(store, model)
    if key is not None:
        weights = store.weights(manifest)
        with session.output.progress(f"Signing {manifest.name}"):
            bundle = _signed(weights, key)
    else:
        bundle = read_signature(signature or Path())
    if out is not None:
        out.write_text(bundle, encoding="utf-8")
    with changes(session.settings) as to_make:
        kept = to_make.sign_model(manifest.name, bundle)
    session.output.result(kept, f"{manifest.name} is signed by {kept['signer']}.")


@command(keys, "add", examples=["sekisho models keys add mia mia.pub"])
def add_key(
    session: Session,
    name: Annotated[str, typer.Argument(help="Whose key it is: a-z, 0-9, and . _ - inside.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The public key, PEM.")],
) -> None:
    """Let a key's signatures of models count from now on. It is on record.

    A key pair is made with OpenSSL: openssl ecparam -name prime256v1 -genkey -noout -out mia.pem, and its public half
    with: openssl ec -in mia.pem -pubout -out mia.pub
    """
    from gateway.cli.changes import changes

    pem = read_signature(file)
    with changes(session.settings) as to_make:
        added = to_make.trust_model_key(name, pem)
    session.output.result(added, f"Signatures by {added['name']} ({added['key_id'][:16]}) count.")


@command(keys, "list", examples=["sekisho models keys list"])
def list_keys(session: Session) -> None:
    """Show whose signatures of models count."""
    trusted = shelf(session.settings).signatures.trusted()
    data = [{"name": key.name, "key_id": key.id} for key in trusted]
    rows = [(each["name"], each["key_id"][:16]) for each in data]
    empty = "No key counts yet. Let one count: sekisho models keys add NAME FILE"
    session.output.table("Keys for models", ("name", "key"), rows, {"data": data}, empty)


@command(keys, "remove", examples=["sekisho models keys remove mia"])
def remove_key(session: Session, name: Annotated[str, typer.Argument(help="Whose signatures count no more.")]) -> None:
    """Let a key's signatures count no more, also those that were made. It is on record."""
    from gateway.cli.changes import changes

    with changes(session.settings) as to_make:
        gone = to_make.distrust_model_key(name)
    session.output.result(gone, f"Signatures by {gone['name']} count no more.")


def read_signature(file: Path) -> str:
    """Return the text of a signature or key file. Raises SetupError."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check its mode.") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file} is no text.", "Give a signature, or a key in PEM.", exit_code=USED_WRONGLY) from error
    if len(raw) > _MOST_BYTES:
        raise SetupError(f"{file} is too long.", "Give a signature, or a key in PEM.", exit_code=USED_WRONGLY)
    return text


def _signed(weights: Path, key: Path) -> str:
    """Return the signature file that OpenSSF's own library makes. Raises SetupError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from model_signing import signing

    from gateway.cli.private_key import ask_passphrase

    mend = "Make one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
    # the library says that it wants a text, and hands it to one that wants bytes
    passphrase: Any = ask_passphrase(key).encode() if "ENCRYPTED" in read_signature(key) else None
    try:
        # The library does not type its configuration.
        config = signing.Config().use_elliptic_key_signer(private_key=key, password=passphrase)  # type: ignore[no-untyped-call]
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "signature.json"
            config.sign(weights, place)
            return place.read_text(encoding="utf-8")
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SetupError(f"With {key} nothing can be signed.", mend, exit_code=USED_WRONGLY) from error
