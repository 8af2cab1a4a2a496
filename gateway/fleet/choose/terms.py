"""The values that a choice among targets is made of. Nothing here reads, waits or knows the time.

Units: tokens are the model's own; seconds are those of the clock that ``now`` is read from; costs are in the site's
currency; energy in joules.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.domain import Priority


class Place(msgspec.Struct, frozen=True):
    """What is known of a target without ever having asked it.

    ``device`` begins with ``cpu`` or ``gpu`` as its engine tells it, and is empty where it does not tell.
    """

    device: str = ""
    weights_bytes: int = 0  # size of the model's file; 0: not known
    cost: float = 0.0  # of a million tokens, read or made
    watts: float = 0.0  # what the settings say that the device draws while it answers, all its slots together


class Candidate(msgspec.Struct, frozen=True):
    """A target that may take the request, as it stands now. More than ``held`` slots never answer at once."""

    target: str
    model: str
    slots: int
    held: int = 0  # slots that are taken
    waiting: int = 0  # requests in its queue
    waiting_prompt_tokens: int = 0  # of all of these together
    waiting_output_tokens: float = 0.0  # as above, as far as can be expected
    unread_tokens: int = 0  # prompt tokens of those who hold a slot that the engine has still to read
    frees_in: tuple[float, ...] = ()  # seconds until each taken slot is likely to be free; may be fewer than ``held``
    opens_in_seconds: float = 0.0  # until it is loaded; 0: it is
    displaces: tuple[str, ...] = ()  # targets that would be sent out for it; none where that is under way already
    away_seconds: float = 0.0  # that those would be away: loads, and its turn
    own_slots: int = 0  # free slots that hold a prompt of this tenant
    cached_tokens: int | None = None  # of the prompt, in a free slot there; None: as the ask's blocks say
    service_seconds: float = 0.0  # that a request held a slot there, on average; 0: not known
    watts: float = 0.0  # what it draws while it answers, measured: before what its place says; 0: not known
    place: Place = Place()


class Ask(msgspec.Struct, frozen=True):
    """What is to be answered. ``blocks`` are :func:`gateway.fleet.choose.prefix.blocks_of` the redacted prompt."""

    model: str
    prompt_tokens: int = 0
    max_tokens: int | None = None  # None: as many as the context holds
    blocks: tuple[int, ...] = ()  # of one tenant and one redaction profile
    block_tokens: tuple[int, ...] = ()  # how many tokens the prompt has up to the end of each block
    caller: str = ""  # key or route: whose answers are alike in length
    generates: bool = True  # False: vectors or scores, which cost no tokens beyond the prompt


class Seen(msgspec.Struct, frozen=True):
    """What one answer took. A number that nobody told is 0, and nothing is learned from it."""

    batch: float = 1.0  # prompts at once there, this one included, on average over the answer
    prompt_tokens: int = 0  # read, so without those that lay in the cache
    prompt_seconds: float = 0.0
    ahead_tokens: int = 0  # of others' prompts that the engine had to read first, or beside it
    output_tokens: int = 0
    output_seconds: float = 0.0
    cached_tokens: int = 0
    expected_cached_tokens: int = 0  # as its :class:`Score` said
    first_seconds: float = 0.0  # from the call of the engine to the first chunk, by our own clock
    whole_seconds: float = 0.0  # as above, to the end of an answer whose parts nothing tells apart
    cut: bool = False  # it ended because it might not grow longer
    caller: str = ""
    estimated_tokens: int = 0  # of the whole prompt, before the engine counted; 0: nobody estimated
    told: bool = True  # the engine itself told the seconds


Why = Literal["only", "soonest", "cheapest", "tie", "over-limit", "trial"]
"""Why the first of the scores is first: the only one; best by the objective; as good as another one, so by the
decision's order; none was within the objective's limit, and this comes nearest; or it was not asked for long, and may
be faster than it was."""


EnergyFrom = Literal["", "measured", "configured"]
"""Whose watts an expected energy is made of; empty: not known."""


class Score(msgspec.Struct, frozen=True):
    """What is to be expected of a candidate, seconds from now on."""

    target: str
    first_seconds: float  # until the first token
    total_seconds: float  # until the last one
    wait_seconds: float  # in the queue, or for the load, of those
    cached_tokens: int  # of the prompt, that it need not read again
    output_tokens: float  # expected
    cost: float = 0.0
    energy: float = 0.0  # joules; 0: not known
    energy_from: EnergyFrom = ""
    others_seconds: float = 0.0  # that those will wait, all together, who come to targets that are sent out for it
    why: Why | None = None  # of the first


class Objective(msgspec.Struct, frozen=True):
    """What is best. A limit of 0 is none; where no candidate keeps to it, the one that comes nearest is taken.
    ``priority`` is the highest class in which these requests wait.

    ``soonest`` has a limit of cost, ``cheapest`` one of seconds. ``until`` says which end counts: that of the whole
    answer, or the first token.
    """

    best: Literal["soonest", "cheapest"] = "soonest"
    until: Literal["end", "first"] = "end"
    limit_seconds: float = 0.0
    limit_cost: float = 0.0
    priority: Priority = "high"
