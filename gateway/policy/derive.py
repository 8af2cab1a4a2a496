"""From what is known of a request to what policy is told of its data. Pure.

The class is the highest of what the key, the project, the caller, marks in the text and the findings say, and of what
a conversation had that goes on: anything may raise it, nothing lowers it. The origin is the key's alone; content is a
signal and never a transfer by itself. Findings are told as counts in buckets, never as values.
"""

from __future__ import annotations

from gateway.domain import Bucket, Caller, DataClass, DataFacts, Declared, Detection, highest_class
from gateway.kinds import KIND_OF, RAISES

_PERSONAL: DataClass = "internal"
"""Any other finding is personal data, and personal data are not public."""

_SPECIAL: DataClass = "confidential"
"""What a text that speaks of a special category is at least (GDPR art. 9)."""


def derive(
    caller: Caller,
    declared: Declared,
    detection: Detection,
    *,
    project_floor: DataClass = "public",
) -> DataFacts:
    """Return the data facts of a request.

    Args:
        project_floor: the least class of the project's data.
    """
    counts = detection.counts()
    signals = (RAISES.get(KIND_OF.get(type_, ""), _PERSONAL) for type_ in counts)
    special = (_SPECIAL for _ in detection.special)
    said = highest_class(declared.data_class or "public", declared.carried)
    return DataFacts(
        data_class=highest_class(caller.class_floor, project_floor, said, detection.mark, *signals, *special),
        collected_in=caller.collected_in,
        entities={type_: bucket(counts[type_]) for type_ in sorted(counts)},
        jurisdictions=detection.jurisdictions,
        special=detection.special,
        languages=detection.languages,
        mark=detection.mark,
        detector=detection.detector,
    )


def bucket(count: int) -> Bucket:
    """Return the bucket of a count of at least one."""
    if count == 1:
        return "1"
    if count < 5:
        return "2-4"
    return "5-19" if count < 20 else "20+"
