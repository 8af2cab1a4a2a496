"""Who tries a canary: a target that a part of all callers is to use before the others do. Pure.

Whether a caller is of that part follows from its tenant and key and from the target alone, never from what is asked;
so it is the same for each of its requests, on every worker, and after a restart. Who was in with a smaller share is in
with a larger one. ::

    is_in_cohort("plant/new/remote:house-model", caller, share=0.05)
"""

from __future__ import annotations

from hashlib import blake2b

from gateway.domain import Caller

_WHOLE = 2**64


def is_in_cohort(target: str, caller: Caller, share: float) -> bool:
    """Return whether a caller is of the part, from 0 to 1, that is to use a target."""
    said = "\0".join((target, caller.tenant, caller.key_id)).encode()
    return int.from_bytes(blake2b(said, digest_size=8).digest(), "big") < share * _WHOLE
