"""How many tokens an answer is likely to have: learned by model and by caller, bounded by what was asked for.

Lengths are counted in bins that double every second bin; old ones fade. A caller of whom little is known is taken for a
usual one of its model, and a model of which little is known for a usual model. An answer that was cut off at its bound
says only that it would have been longer: it is counted among the longer ones, as they are known.

Counting an answer touches one bin, looking up takes two searches in sorted lists; the lists of a caller are made again
once an eighth more answers were seen.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate

_BINS = 36  # up to some 180,000 tokens
_CENTRES = tuple(2.0 ** (i / 2.0) for i in range(_BINS))
_EDGES = tuple(centre * 2.0**0.25 for centre in _CENTRES[:-1])
_FADE = 0.98
_WEIGHT_OF_MODEL = 4.0  # answers that the model's usual lengths count as
_MOST_CALLERS = 4096
_USUAL = tuple(0.5 ** abs((i - 14) / 3.0) for i in range(_BINS))  # around 128 tokens, wide
_SUM_OF_USUAL = sum(_USUAL)
_ONE = (1.0,)
_USUAL_SHARES = tuple(each / _SUM_OF_USUAL for each in _USUAL)


class _Lengths:
    """Counts by bin, in a unit that grows as the old ones fade. ``shares`` and ``tails`` are made when they are asked
    for, and again once an eighth more was seen.
    """

    __slots__ = ("_made_at", "_tails", "counts", "seen", "shares", "total", "unit")

    def __init__(self) -> None:
        self.counts = [0.0] * _BINS
        self.total = 0.0
        self.unit = 1.0
        self.seen = 0
        self.shares: Sequence[float] = _USUAL_SHARES
        self._tails: tuple[Sequence[float], Sequence[float]] | None = None
        self._made_at = -1

    def add(self, first: int, shares: Sequence[float]) -> None:
        """Count one answer, its shares in the bins from the first on."""
        self.unit /= _FADE
        for i, share in enumerate(shares, first):
            self.counts[i] += share * self.unit
        self.total += self.unit
        self.seen += 1
        if self.unit > 1e100:
            self.counts = [count / self.unit for count in self.counts]
            self.total, self.unit = self.total / self.unit, 1.0

    def fresh(self, prior: Sequence[float], weight: float) -> _Lengths:
        """Bring ``shares`` up to date: what was seen, and a prior that counts as so many answers."""
        if self._made_at < 0 or self.seen - self._made_at > min(16, self._made_at // 8):
            extra = weight * self.unit
            total = self.total + extra
            pairs = zip(self.counts, prior, strict=True)
            self.shares = [(count + extra * share) / total for count, share in pairs]
            self._made_at, self._tails = self.seen, None
        return self

    def tails(self) -> tuple[Sequence[float], Sequence[float]]:
        """Return, for each bin, the share of it and all longer ones, and their sum of shares times tokens."""
        if self._tails is None:
            shares = list(accumulate(reversed(self.shares)))[::-1]
            tokens = list(accumulate(s * c for s, c in zip(reversed(self.shares), reversed(_CENTRES), strict=True)))
            self._tails = ([*shares, 0.0], [*tokens[::-1], 0.0])
        return self._tails


class Expect:
    """Lengths of answers. Bounded: callers that were not heard of for longest are forgotten."""

    def __init__(self) -> None:
        self._models: dict[str, _Lengths] = {}
        self._callers: OrderedDict[tuple[str, str], _Lengths] = OrderedDict()
        self._nobody = _Lengths().fresh(_USUAL_SHARES, 1.0)

    def observe(self, model: str, caller: str, tokens: int, *, cut: bool = False) -> None:
        """Learn from an answer of so many tokens, at least 1."""
        first = bisect_left(_EDGES, tokens)
        shares = self._longer(model, caller, first) if cut else _ONE
        of_model, own = self._models.get(model), self._callers.get((model, caller))
        if of_model is None:
            of_model = self._models[model] = _Lengths()
        if own is None:
            own = self._callers[model, caller] = _Lengths()
        of_model.add(first, shares)
        own.add(first, shares)
        self._callers.move_to_end((model, caller))
        if len(self._callers) > _MOST_CALLERS:
            self._callers.popitem(last=False)

    def tokens(self, model: str, caller: str, most: int | None = None, so_far: int = 0) -> float:
        """Return how many tokens are likely still to come; at least 1 unless ``so_far`` reached ``most``.

        Args:
            most: the bound of the whole answer.
            so_far: tokens that came already: only longer answers are considered.
        """
        if most is not None and so_far >= most:
            return 0.0
        shares, tokens = self._known(model, caller).tails()
        first = bisect_right(_CENTRES, so_far)
        share = shares[first]
        if share <= 1e-12:  # longer than any that is known
            likely = max(1.0, so_far / 4.0)
        elif most is None:
            likely = tokens[first] / share - so_far
        else:
            bound = max(first, bisect_left(_CENTRES, most))
            likely = (tokens[first] - tokens[bound] + shares[bound] * most) / share - so_far
        return max(1.0, likely if most is None else min(likely, most - so_far))

    def _known(self, model: str, caller: str) -> _Lengths:
        """Return the caller's own lengths, filled up with the model's, and those with what is usual anywhere."""
        of_model = self._models.get(model)
        if of_model is None:
            return self._nobody
        usual = of_model.fresh(_USUAL_SHARES, 1.0)
        own = self._callers.get((model, caller))
        return usual if own is None else own.fresh(usual.shares, _WEIGHT_OF_MODEL)

    def _longer(self, model: str, caller: str, first: int) -> Sequence[float]:
        """Return how known answers that are at least so long share the bins from that one on."""
        known = self._known(model, caller).shares[first:]
        longer = sum(known)
        return [share / longer for share in known] if longer > 0.0 else _ONE
