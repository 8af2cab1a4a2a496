"""What only pruned records needed: facts that OPA was given once, and that no record names any more."""

from __future__ import annotations

import logging

from gateway.audit.log.reader import data_revisions
from gateway.policy.datasets import DataSets
from gateway.settings import Settings

_log = logging.getLogger("sekisho.audit")


def forget_data_sets(settings: Settings) -> list[str]:
    """Remove the data sets that no record names; return their revisions. Where a log cannot be read whole, all stay.

    Never raises for a disk: the records are gone already, and what is left over is tried again when more go.
    """
    try:
        return DataSets(settings.state / "policy" / "data").prune(data_revisions(settings.data / "audit"))
    except OSError as error:
        _log.warning("facts of the past are kept: a log cannot be read, or a file not removed (%s)", error.strerror)
        return []
