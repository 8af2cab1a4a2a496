"""Every way in which a bundle is refused: a stable code, an exit status, one line, and what to do.

Exit 3: it is not believed. Exit 4: it does not fit this machine. Exit 5: this machine cannot now.
"""

from __future__ import annotations

from gateway.errors import SetupError

NOT_BELIEVED, DOES_NOT_FIT, CANNOT_NOW = 3, 4, 5

_FRESH = "Copy the bundle again from where it was built; if that does not help, it was changed there or on the way."
_EXIT_AND_MEND: dict[str, tuple[int, str]] = {
    "bundle.root_unknown": (NOT_BELIEVED, "Give the SHA-256 that the builder printed, by another way than the bundle."),
    "bundle.signature": (NOT_BELIEVED, "Ask the maker for a bundle that is signed by the keys of your root."),
    "bundle.expired": (NOT_BELIEVED, "Ask the maker for a newer bundle, or for a break-glass statement for this one."),
    "bundle.break_glass": (NOT_BELIEVED, "`sekisho bundle break-glass show FILE` tells what it says and who signed."),
    "bundle.rolled_back": (NOT_BELIEVED, "This site has accepted a newer one; `sekisho bundle rollback` goes back."),
    "bundle.mixed": (NOT_BELIEVED, "Its parts are of different releases. " + _FRESH),
    "bundle.endless": (NOT_BELIEVED, "A file is longer than what was signed. " + _FRESH),
    "bundle.tampered": (NOT_BELIEVED, _FRESH),
    "bundle.truncated": (NOT_BELIEVED, "It was not copied to its end. " + _FRESH),
    "bundle.malformed": (NOT_BELIEVED, _FRESH),
    "bundle.unreachable": (CANNOT_NOW, "Check the address and that this machine may reach it."),
    "bundle.platform": (DOES_NOT_FIT, "Ask for the bundle of this platform."),
    "bundle.python": (DOES_NOT_FIT, "Install that Python, or ask for the bundle of this one."),
    "bundle.glibc": (DOES_NOT_FIT, "It needs a newer system."),
    "bundle.clock": (CANNOT_NOW, "Set the clock, then give it again; nothing was changed."),
    "bundle.unhealthy": (CANNOT_NOW, "What was staged is removed; the line says what failed."),
    "bundle.base_missing": (DOES_NOT_FIT, "Install the release that it builds on first, or ask for a whole bundle."),
    "bundle.older": (DOES_NOT_FIT, "`sekisho bundle rollback` goes back to a version that ran here."),
    "bundle.disk_full": (CANNOT_NOW, "Make room and give it again; nothing was changed."),
    "bundle.permission": (CANNOT_NOW, "Run it as the user who owns the installation; nothing was changed."),
    "bundle.busy": (CANNOT_NOW, "Another update is under way; `sekisho bundle status` shows it."),
}


class BundleRefused(SetupError):
    """A bundle, or a step of its installation, that is refused. Nothing was changed.

    Args:
        code: one of the codes above.
        problem: one sentence; never the text of a foreign exception.
        mend: what to do, where the code's own word does not fit.
    """

    def __init__(self, code: str = "bundle.malformed", problem: str = "This is no bundle.", mend: str = "") -> None:
        exit_code, usual = _EXIT_AND_MEND[code]
        self.code = code
        super().__init__(f"{problem} [{code}]", mend or usual, exit_code=exit_code)
