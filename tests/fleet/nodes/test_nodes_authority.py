"""The authority for joined nodes: what it issues, what it refuses, and who gets through a real handshake."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import SetupError
from gateway.fleet.nodes import contexts
from gateway.fleet.nodes.authority import (
    SECRET,
    Authority,
    RequestRefused,
    fingerprint,
    is_due,
    make_authority,
    open_authority,
    private_pem,
    role_of,
    take_in,
)
from gateway.fleet.nodes.papers import write_private
from gateway.keys.seal import Plain, Seal, Sealed
from gateway.keys.vault import FileVault

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "nodes", "ingolstadt", NOW, FileVault(tmp_path / "keys"))


def request_by(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, host: str = "") -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def joined(authority: Authority, folder: Path, name: str = "gpu1", now: datetime = NOW) -> str:
    """Lay down a node's papers as joining does, and return its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = authority.sign_node(request_by(key), name, "127.0.0.1", now).public_bytes(Encoding.PEM).decode()
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / contexts.KEY).write_bytes(private_pem(key))
    (folder / contexts.CERTIFICATE).write_text(pem)
    (folder / contexts.AUTHORITY).write_text(authority.pem)
    return pem


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return both ends of a finished handshake in memory. Raises SSLError where one of them refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    waiting = set(ends)
    for _ in range(8):
        for end in ends:
            if end in waiting:
                try:
                    end.do_handshake()
                    waiting.discard(end)
                except ssl.SSLWantReadError:
                    pass
    assert not waiting
    return ends


@pytest.fixture
def cabinet(tmp_path: Path) -> FileVault:
    return FileVault(tmp_path / "keys")


def left_by_an_earlier_release(authority: Authority, cabinet: FileVault) -> Path:
    """Put the authority's key where it lay once."""
    path = authority.folder / "authority-key.pem"
    write_private(path, cabinet.read(SECRET))
    cabinet.destroy(SECRET)
    return path


def test_the_authority_is_made_once_and_its_key_is_nobody_elses(authority: Authority, cabinet: FileVault) -> None:
    again = make_authority(authority.folder, "ingolstadt", NOW, cabinet)

    assert again.fingerprint == authority.fingerprint
    files = [*authority.folder.iterdir(), *cabinet.folder.iterdir()]
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in files} == {"authority.pem": 0o600, SECRET: 0o600}


def test_its_key_is_sealed_where_the_other_secrets_are(tmp_path: Path) -> None:
    sealed = FileVault(tmp_path / "keys", Sealed(bytes(32)))
    authority = make_authority(tmp_path / "nodes", "ingolstadt", NOW, sealed)

    assert b"PRIVATE KEY" not in (tmp_path / "keys" / SECRET).read_bytes()
    assert open_authority(authority.folder, "ingolstadt", sealed) is not None
    with pytest.raises(SetupError, match="is sealed"):
        open_authority(authority.folder, "ingolstadt", FileVault(tmp_path / "keys"))


@pytest.mark.parametrize("seal", [Plain(), Sealed(bytes(32))])
def test_a_key_of_an_earlier_release_is_used_and_moved(authority: Authority, cabinet: FileVault, seal: Seal) -> None:
    path = left_by_an_earlier_release(authority, cabinet)
    secret, wanted = path.read_bytes(), FileVault(cabinet.folder, seal)

    before = open_authority(authority.folder, "ingolstadt", wanted)
    moved, again = take_in(authority.folder, wanted), take_in(authority.folder, wanted)
    after = open_authority(authority.folder, "ingolstadt", wanted)

    assert before is not None and after is not None and before.fingerprint == after.fingerprint
    assert (moved, again, path.exists(), wanted.read(SECRET)) == (True, False, False, secret)


def test_a_move_that_was_cut_off_goes_on(authority: Authority, cabinet: FileVault) -> None:
    path = left_by_an_earlier_release(authority, cabinet)
    cabinet.write_once(SECRET, path.read_bytes())

    assert take_in(authority.folder, cabinet)
    assert not path.exists()


def test_another_key_in_the_old_place_is_left_there_and_told(authority: Authority, cabinet: FileVault) -> None:
    other = authority.folder / "authority-key.pem"
    write_private(other, private_pem(ec.generate_private_key(ec.SECP256R1())))

    with pytest.raises(SetupError, match="another key"):
        take_in(authority.folder, cabinet)
    assert other.exists()


def test_no_authority_is_no_error_and_one_without_its_key_is(authority: Authority, tmp_path: Path) -> None:
    cabinet = FileVault(tmp_path / "keys")
    assert open_authority(tmp_path / "elsewhere", "x", cabinet) is None

    cabinet.destroy(SECRET)
    with pytest.raises(SetupError, match="key of the authority"):
        open_authority(authority.folder, "ingolstadt", cabinet)


def test_a_key_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    others = FileVault(tmp_path / "others")
    make_authority(tmp_path / "other", "ingolstadt", NOW, others)

    with pytest.raises(SetupError, match="not a pair"):
        open_authority(authority.folder, "ingolstadt", others)


def test_a_key_that_others_may_read_is_refused(authority: Authority, cabinet: FileVault) -> None:
    (cabinet.folder / SECRET).chmod(0o640)
    with pytest.raises(SetupError, match="open to other users"):
        open_authority(authority.folder, "ingolstadt", cabinet)

    (cabinet.folder / SECRET).chmod(0o600)
    left_by_an_earlier_release(authority, cabinet).chmod(0o640)
    with pytest.raises(SetupError, match="open to other users"):
        open_authority(authority.folder, "ingolstadt", cabinet)


def test_a_node_gets_its_role_its_host_and_ninety_days_whatever_it_asked_for(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    issued = authority.sign_node(request_by(key, host="gateway.plant"), "gpu1", "10.0.0.7", NOW)

    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert role_of(issued) == "sekisho://node/gpu1"
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    assert names.get_values_for_type(x509.DNSName) == []
    assert issued.not_valid_after_utc == NOW + timedelta(days=90)
    assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    issued.verify_directly_issued_by(authority.certificate)


def test_a_request_that_is_none_or_for_another_kind_of_key_is_refused(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    forged = x509.load_pem_x509_csr(request_by(key)).public_bytes(Encoding.DER)
    forged = forged[:-1] + bytes([forged[-1] ^ 1])
    wrong = {
        "cannot be read": b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "not signed by": x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM),
        "not EC P-256": request_by(rsa.generate_private_key(65537, 2048)),
    }
    for said, request in wrong.items():
        with pytest.raises(RequestRefused, match=said):
            authority.sign_node(request, "gpu1", "10.0.0.7", NOW)


def test_two_thirds_of_its_time_make_a_certificate_due(authority: Authority) -> None:
    issued = authority.sign_node(request_by(ec.generate_private_key(ec.SECP256R1())), "gpu1", "10.0.0.7", NOW)

    assert not is_due(issued, NOW + timedelta(days=59))
    assert is_due(issued, NOW + timedelta(days=61))


def test_the_gateways_own_certificate_is_made_anew_when_due_or_for_other_hosts(authority: Authority) -> None:
    def shown(hosts: tuple[str, ...], now: datetime) -> str:
        pem = authority.gateway_papers(hosts, now).read_bytes()
        return fingerprint(x509.load_pem_x509_certificate(pem))

    first = shown(("127.0.0.1",), NOW)

    assert shown(("127.0.0.1",), NOW + timedelta(days=30)) == first
    assert shown(("127.0.0.1", "gateway.plant"), NOW) != first
    assert shown(("127.0.0.1",), NOW + timedelta(days=70)) != first


def test_gateway_and_node_know_each_other(authority: Authority, tmp_path: Path) -> None:
    pinned = joined(authority, tmp_path / "node")
    client = contexts.client_context(authority.gateway_papers((), NOW), [pinned])
    server = contexts.server_context(tmp_path / "node")

    ours, theirs = handshake(client, server, "127.0.0.1")

    assert ours.version() == "TLSv1.3"
    assert contexts.is_gateway(theirs, authority.role)
    assert not contexts.is_gateway(theirs, "sekisho://gateway/elsewhere")
    assert not contexts.is_gateway(ours, authority.role)
    assert not contexts.is_gateway(None, authority.role)


def test_a_node_of_the_same_authority_is_not_the_pinned_one(authority: Authority, tmp_path: Path) -> None:
    pinned = joined(authority, tmp_path / "one")
    joined(authority, tmp_path / "two", name="gpu1")
    client = contexts.client_context(authority.gateway_papers((), NOW), [pinned])

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client, contexts.server_context(tmp_path / "two"), "127.0.0.1")


def test_a_pinned_node_under_another_address_is_refused(authority: Authority, tmp_path: Path) -> None:
    client = contexts.client_context(authority.gateway_papers((), NOW), [joined(authority, tmp_path / "node")])

    with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.2"):
        handshake(client, contexts.server_context(tmp_path / "node"), "127.0.0.2")


def test_a_pinned_certificate_that_has_ended_is_refused(authority: Authority, tmp_path: Path) -> None:
    pinned = joined(authority, tmp_path / "node", now=NOW - timedelta(days=91))
    client = contexts.client_context(authority.gateway_papers((), NOW), [pinned])

    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(client, contexts.server_context(tmp_path / "node"), "127.0.0.1")


def test_a_node_takes_nobody_without_a_certificate_or_of_another_authority(
    authority: Authority, tmp_path: Path
) -> None:
    pinned = joined(authority, tmp_path / "node")
    server = contexts.server_context(tmp_path / "node")
    other = make_authority(tmp_path / "other", "ingolstadt", NOW, FileVault(tmp_path / "others"))
    foreign = contexts.client_context(other.gateway_papers((), NOW), [pinned])

    for client in (contexts.joining_context(authority.pem), foreign):
        with pytest.raises(ssl.SSLError):
            handshake(client, server, "127.0.0.1")


def test_another_node_is_no_gateway(authority: Authority, tmp_path: Path) -> None:
    joined(authority, tmp_path / "one")
    joined(authority, tmp_path / "two", name="gpu2")

    _, theirs = handshake(
        contexts.node_context(tmp_path / "two"), contexts.server_context(tmp_path / "one"), "127.0.0.1"
    )

    assert not contexts.is_gateway(theirs, authority.role)


def test_papers_that_are_missing_are_told_with_the_mend(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="join again"):
        contexts.server_context(tmp_path / "nowhere")
    with pytest.raises(SetupError, match="No certificate"):
        contexts.client_context(authority.gateway_papers((), NOW), [])
