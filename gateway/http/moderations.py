"""``POST /v1/moderations``: there is no moderation model here, and this address says so.

An answer that flags nothing would be taken for a judgement. So every caller that may ask at all gets 404,
``moderation_not_configured``, and its refusal is on record as any other.
"""

from __future__ import annotations

from typing import Any, Never

from gateway.domain import Capability
from gateway.errors import ModerationNotConfigured
from gateway.http.call import Api


def parse(tree: dict[str, Any]) -> Never:
    """Raises ModerationNotConfigured."""
    raise ModerationNotConfigured


API = Api(endpoint="moderations", capability=Capability.CHAT, parse=parse, shape={}, withheld=frozenset())
