"""The desks of those who look and judge: what the operator's API serves that needs no more than open rooms."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from starlette.routing import Route

from gateway.audit.content.store import SideStore
from gateway.audit.evidence.office import EvidenceOffice
from gateway.audit.export.office import ExportOffice
from gateway.audit.shelf import Shelf
from gateway.engines.shelf import EngineShelf
from gateway.house import offices
from gateway.http.admin_audit import audit_routes
from gateway.http.admin_break_glass import break_glass_routes
from gateway.http.admin_egress import egress_routes
from gateway.http.admin_engines import engine_routes
from gateway.http.admin_evidence import evidence_routes
from gateway.http.admin_exports import export_routes
from gateway.http.admin_persons import persons_routes
from gateway.http.admin_retention import retention_routes
from gateway.http.admin_shadow import shadow_routes
from gateway.keys.files import FileKeyring
from gateway.officers import persons_office
from gateway.policy.client import OpaPolicy
from gateway.policy.glass.office import BreakGlassOffice
from gateway.policy.trials.shadow_office import ShadowOffice
from gateway.settings import Settings

ANSWERS_SEARCHED_SECONDS = 30.0
"""How long somebody who asks what is held on a person, or erases it, waits for answers to be searched."""


class Opened(NamedTuple):
    """Rooms that are open."""

    settings: Settings
    keyring: FileKeyring
    book: Shelf
    policy: OpaPolicy
    side: SideStore


async def desk_routes(stack: AsyncExitStack, opened: Opened, more: Sequence[Route]) -> list[Route]:
    """Return the routes of all desks, ``more`` first; the desks are closed at the stack's end."""
    settings, keyring, book, policy, side = opened
    shadow = ShadowOffice(settings, book, policy)
    stack.push_async_callback(shadow.close)
    return [
        *more,
        *shadow_routes(shadow),
        *break_glass_routes(BreakGlassOffice.of(settings, book, policy.look_at_grants)),
        *export_routes(ExportOffice(book, keyring.log_keys)),
        *evidence_routes(EvidenceOffice(book, keyring.log_keys)),
        *egress_routes(book),
        *retention_routes(offices.retention(stack, settings, book, keyring)),
        *audit_routes(await offices.searching(stack, settings, book)),
        *engine_routes(EngineShelf(settings.data / "engines"), book),
        *persons_routes(
            persons_office(settings, side, book, keyring.kept_tag_keys, patience_seconds=ANSWERS_SEARCHED_SECONDS)
        ),
    ]
