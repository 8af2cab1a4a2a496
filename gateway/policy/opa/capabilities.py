"""What Rego may do here: OPA's builtins, less those whose answer does not come from their arguments alone.

A decision must be the same when it is asked again later from the audit log, and must tell nobody anything: so no
network, no environment, no clock, no chance, no printing. Time comes with the input. ``policies/capabilities.json`` is
:func:`reduced` of ``opa capabilities --current``; ``opa run`` takes no such file, which is why policies are checked and
built with it and nothing can be put into a running OPA but facts (``authz.rego``).
"""

from __future__ import annotations

from typing import Any

FORBIDDEN: dict[str, str] = {
    "http.send": "reaches outside",
    "net.lookup_ip_addr": "reaches outside",
    "json.match_schema": "a schema may refer to another address",
    "json.verify_schema": "a schema may refer to another address",
    "providers.aws.sign_req": "only of use to reach outside",
    "opa.runtime": "reads the environment",
    "time.now_ns": "reads the clock",
    "io.jwt.decode_verify": "reads the clock",
    "crypto.x509.parse_and_verify_certificates": "reads the clock",
    "crypto.x509.parse_and_verify_certificates_with_options": "reads the clock",
    "time.clock": "time zones are the machine's",
    "time.date": "time zones are the machine's",
    "time.diff": "time zones are the machine's",
    "time.format": "time zones are the machine's",
    "time.parse_ns": "time zones are the machine's",
    "time.weekday": "time zones are the machine's",
    "rand.intn": "random",
    "uuid.rfc4122": "random",
    "io.jwt.encode_sign": "random",
    "io.jwt.encode_sign_raw": "random",
    "crypto.parse_private_keys": "handles private keys",
    "crypto.x509.parse_keypair": "handles private keys",
    "crypto.x509.parse_rsa_private_key": "handles private keys",
    "print": "writes to standard error",
    "internal.print": "writes to standard error",
    "trace": "writes beside the answer",
}
"""Builtin and why not."""


def reduced(current: dict[str, Any]) -> dict[str, Any]:
    """Return OPA's own capabilities without :data:`FORBIDDEN`, anything it calls nondeterministic, or any network."""
    builtins = [
        builtin
        for builtin in current["builtins"]
        if builtin["name"] not in FORBIDDEN and not builtin.get("nondeterministic")
    ]
    return {**current, "builtins": builtins, "allow_net": []}
