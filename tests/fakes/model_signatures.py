"""Signatures of models, right and wrong in any part: bundles put together from the format's description.

A tour: :func:`bundle` makes one with a private key; every argument makes another lie possible.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_FILES = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def statement(*digests: str, **changes: Any) -> dict[str, Any]:
    names = ["."] if len(digests) == 1 else [f"f{number}" for number in range(len(digests))]  # ".": a single file
    resources = [{"name": n, "digest": digest, "algorithm": "sha256"} for n, digest in zip(names, digests, strict=True)]
    root = hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"resources": resources, "serialization": _FILES},
    } | changes


def bundle(
    key: ec.EllipticCurvePrivateKey, said: dict[str, Any], *, payload_type: str = PAYLOAD_TYPE
) -> dict[str, Any]:
    payload = json.dumps(said).encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)
    sizes = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    signature = key.sign(signed, ec.ECDSA(sizes[key.curve.key_size]))
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(public_pem(key).encode()).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
