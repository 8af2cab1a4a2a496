"""How many tokens an answer is likely to have: learned by model and by caller, bounded by what was asked for.

Lengths are counted in bins that double every second bin; old ones fade. A caller of whom little is known is taken for a
usual one of its model, and a model of which little is known for a usual model. An answer that was cut off at its bound
says only that it would have been longer: it is counted among the longer ones, as they are known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

_BINS = 36  # up to some 180,000 tokens
_CENTRES = tuple(2.0 ** (i / 2.0) for i in range(_BINS))
_FADE = 0.98
_WEIGHT_OF_MODEL = 4.0  # answers that the model's usual lengths count as
_MOST_CALLERS = 4096
_USUAL = tuple(0.5 ** abs((i - 14) / 3.0) for i in range(_BINS))  # around 128 tokens, wide
_SUM_OF_USUAL = sum(_USUAL)


class _Lengths:
    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0.0] * _BINS
        self.total = 0.0

    def add(self, shares: Sequence[float]) -> None:
        for i, share in enumerate(shares):
            self.counts[i] = self.counts[i] * _FADE + share
        self.total = self.total * _FADE + 1.0


class Expect:
    """Lengths of answers. Bounded: callers that were not heard of for longest are forgotten."""

    def __init__(self) -> None:
        self._models: dict[str, _Lengths] = {}
        self._callers: OrderedDict[tuple[str, str], _Lengths] = OrderedDict()

    def observe(self, model: str, caller: str, tokens: int, *, cut: bool = False) -> None:
        """Learn from an answer of so many tokens."""
        shares = self._shares_of(model, caller, tokens, cut)
        self._models.setdefault(model, _Lengths()).add(shares)
        lengths = self._callers.setdefault((model, caller), _Lengths())
        lengths.add(shares)
        self._callers.move_to_end((model, caller))
        if len(self._callers) > _MOST_CALLERS:
            self._callers.popitem(last=False)

    def tokens(self, model: str, caller: str, most: int | None = None, so_far: int = 0) -> float:
        """Return how many tokens are likely still to come; at least 1 unless ``so_far`` reached ``most``.

        Args:
            most: the bound of the whole answer.
            so_far: tokens that came already: only longer answers are considered.
        """
        left = None if most is None else max(0, most - so_far)
        if left == 0:
            return 0.0
        known = total = 0.0
        for centre, share in zip(_CENTRES, self._known(model, caller), strict=True):
            if centre > so_far:
                longer = centre - so_far
                known += share * (longer if left is None else min(longer, left))
                total += share
        likely = known / total if total > 0.0 else max(1.0, so_far / 4.0)
        return max(1.0, likely if left is None else min(likely, left))

    def _known(self, model: str, caller: str) -> Sequence[float]:
        """Return the share of each bin: the caller's own, then the model's, then what is usual anywhere."""
        shares = [each / _SUM_OF_USUAL for each in _USUAL]
        for lengths, prior in ((self._models.get(model), 1.0), (self._callers.get((model, caller)), _WEIGHT_OF_MODEL)):
            if lengths is not None:
                total = lengths.total + prior
                shares = [(own + prior * share) / total for own, share in zip(lengths.counts, shares, strict=True)]
        return shares

    def _shares_of(self, model: str, caller: str, tokens: int, cut: bool) -> Sequence[float]:
        first = next((i for i, centre in enumerate(_CENTRES) if centre * 2**0.25 >= tokens), _BINS - 1)
        if not cut:
            return [float(i == first) for i in range(_BINS)]
        longer = [share if i >= first else 0.0 for i, share in enumerate(self._known(model, caller))]
        total = sum(longer)
        return [share / total for share in longer]
