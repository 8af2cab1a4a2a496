"""What works beside requests: it carries heads away, prunes, searches, rotates, counts; and ends with the house."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

from gateway import __version__
from gateway.audit.anchor.build import anchors_of
from gateway.audit.anchor.office import AnchorOffice
from gateway.audit.catching_up import catch_up
from gateway.audit.content.store import SideStore
from gateway.audit.index.asking import Asking
from gateway.audit.index.child import IndexFollower
from gateway.audit.index.office import SearchOffice
from gateway.audit.log import reader
from gateway.audit.retention import RetentionOffice
from gateway.audit.shelf import Shelf
from gateway.domain import Target
from gateway.errors import AuditUnavailable
from gateway.house.leftovers import forget_data_sets
from gateway.house.updates import news_of
from gateway.identity.keys import KeyRegister
from gateway.keys.files import FileKeyring
from gateway.keys.office import RotationOffice
from gateway.policy.client import OpaPolicy
from gateway.policy.persons.counters import EVENT as SUBJECTS
from gateway.policy.persons.counters import Counters
from gateway.privacy.service import PrivacyRoom
from gateway.settings import Settings


def anchors(stack: AsyncExitStack, settings: Settings, book: Shelf) -> AnchorOffice:
    """Return who brings the log's heads out of the machine. Raises SetupError."""
    told = lambda type, details: book.event(type, **details)  # noqa: E731
    office = AnchorOffice(settings.data / "audit", anchors_of(settings), told)
    stack.push_async_callback(asyncio.to_thread, office.stop)
    return office


def tell_stopped(book: Shelf, kind: type[BaseException] | None, *_: object) -> None:
    """Say in the book that the house ends in order."""
    if kind is None:
        with suppress(AuditUnavailable):  # told already
            book.event("admin.stopped")


async def update_news(stack: AsyncExitStack, settings: Settings, book: Shelf) -> None:
    """Put what updates did into the book, now and while the house is open. Raises AuditUnavailable, SetupError."""
    news = news_of(settings, book)
    if news is not None:
        await news.take()
        stack.callback(asyncio.get_running_loop().create_task(news.watch(), name="update-news").cancel)


def what_runs(settings: Settings, policy: OpaPolicy, privacy: PrivacyRoom, targets: Sequence[Target]) -> dict[str, Any]:
    """Return the details of the record ``config``: a digest of the settings, which hold no secret, and what runs.

    Of several models, ``model`` is the first, and ``models`` has the digests of all. Where this machine can hold none,
    since joined nodes serve them, engine and model are empty: ``node.reached`` says later what serves.
    """
    first = targets[0] if targets else None
    several = {"models": {each.model: each.digest for each in targets}} if len(targets) > 1 else {}
    return {
        "settings_sha256": settings.digest(),
        "version": __version__,
        "opa": policy.engine,
        "detector": privacy.version,
        "engine": first.build if first else "",
        "model": first.model if first else "",
        "model_digest": first.digest if first else "",
        **several,
    }


def retention(stack: AsyncExitStack, settings: Settings, book: Shelf, keyring: FileKeyring) -> RetentionOffice:
    """Return who prunes and holds logs; each day by itself, where the settings say so."""
    after = partial(forget_data_sets, settings)
    office = RetentionOffice(settings.data / "audit", book.books, keyring.log_keys, settings.audit, after=after)
    if settings.audit.prune:
        pruning = asyncio.get_running_loop().create_task(office.daily(), name="audit-pruning")
        stack.callback(pruning.cancel)
    return office


async def searching(stack: AsyncExitStack, settings: Settings, book: Shelf) -> SearchOffice:
    """Return who searches the log, in a process of its own; another one keeps the index up to date, where the settings
    say so.
    """
    audit, folder = settings.data / "audit", settings.state / "audit-index"
    if settings.audit.index:
        follower = IndexFollower(audit, folder)
        stack.push_async_callback(follower.stop)
        await follower.start()
    asking = Asking(audit, folder)
    stack.push_async_callback(asking.close)
    return SearchOffice(book, asking)


async def rotations(
    stack: AsyncExitStack, settings: Settings, keyring: FileKeyring, book: Shelf, register: KeyRegister
) -> RotationOffice:
    """Return who rotates secrets, with everything carried out that the last process left. Raises SetupError."""
    others = partial(catch_up, settings.data / "audit", settings=settings.audit)
    follow = SideStore.of_installation(settings, keyring.kept_tag_keys).keys.reseal
    office = RotationOffice(keyring, book, register, follow=follow, others=others)
    await office.resume()
    ending = asyncio.get_running_loop().create_task(office.run(), name="key-overlaps")
    stack.callback(ending.cancel)
    return office


def counters(
    stack: AsyncExitStack, settings: Settings, keyring: FileKeyring, book: Shelf, *, of_worker: bool = False
) -> Counters:
    """Return the counters of persons. They are restored from the logs beside the start; until then they count nothing,
    and so they stay where a log cannot be read: what hangs on numbers is refused.

    ``of_worker``: from its own logs alone, and to a snapshot of its own: it writes whom it counts, for whoever restores
    from all logs later.
    """
    own, name = f"{settings.origin}/", f"subjects-{settings.site.worker}" if of_worker else "subjects"

    def logs() -> dict[str, reader.Events]:
        found = reader.events_by_log(settings.data / "audit", SUBJECTS)
        return {log: events for log, events in found.items() if not of_worker or log.startswith(own)}

    counters = Counters(
        key=keyring.subjects_key,
        write=book.event,
        logs=logs,
        snapshot=settings.state / "policy" / name,
    )
    opening = asyncio.get_running_loop().create_task(asyncio.to_thread(counters.open), name="counters")

    async def close() -> None:
        with suppress(OSError, ValueError):  # a log that cannot be read; a snapshot only saves time at the next start
            await opening
            await asyncio.to_thread(counters.save)

    stack.push_async_callback(close)
    return counters
