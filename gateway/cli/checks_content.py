"""``sekisho doctor``: the check of what is kept of prompts: what has ended is gone, and persons' keys are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cli.checks import Check

if TYPE_CHECKING:
    from gateway.settings import Settings


def kept_content(settings: Settings) -> Check:
    """Whether items that have ended are gone, and persons' keys can be opened by nobody else."""
    from gateway.audit.content.store import SideStore
    from gateway.keys.opening import open_keyring

    name, store = "kept content", SideStore.of_installation(settings, open_keyring(settings).kept_tag_keys)
    wide = [path for path in (store.folder, store.keys.folder) if path.exists() and path.stat().st_mode & 0o077]
    if wide:
        return Check(name, "fails", f"{wide[0]} is open to other users", f"Run: chmod -R go-rwx {wide[0]}")
    days = sorted(path.name for path in store.folder.glob("????-??-??"))
    if days and not store.keys.folder.is_dir():
        mend = "Mount it, if it is a disk of its own; else nobody can read what was kept, and it ends with its days."
        return Check(name, "fails", f"{store.keys.folder} with the persons' keys is missing", mend)
    due = store.due()
    waiting = sum(len(store.keys.held(tenant)) for tenant in store.keys.tenants())
    held = f"; {due.held} items and {waiting} keys wait for a legal hold to be lifted" if due.held or waiting else ""
    if due.items:
        said = f"{due.items} items have ended and are still there{held}"
        return Check(name, "warning", said, "A server destroys them within the hour; else: sekisho audit expire")
    if not days:
        return Check(name, "ok", "none")
    return Check(name, "ok", f"items of {len(days)} days, the last of them {days[-1]}{held}")
