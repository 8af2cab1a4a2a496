"""Which bounds hold for a request: those of its key, its project, its tenant and its model.

An account is named by its kind and name: ``key:01JZ…``, ``project:acme/press-shop``, ``tenant:acme``,
``model:smollm2-135m-instruct``. What ``sekisho limits set`` has written stands over what the settings say, bound by
bound; 0 there means: no bound, as in the settings. Nothing here counts.

Example::

    rules = Rules(settings.limits)
    rules.of("tenant:acme").tokens_per_day   # 0 where none is set
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from gateway.domain import Caller
from gateway.sections import BoundSettings, LimitSettings

Kind = Literal["key", "project", "tenant", "model"]
KINDS: tuple[Kind, ...] = ("key", "project", "tenant", "model")
BOUNDS: tuple[str, ...] = BoundSettings.__struct_fields__
MILLION = 1_000_000

AccountName = Annotated[str, msgspec.Meta(pattern=r"^(key|project|tenant|model):[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}$")]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bounds that stand over those of the settings; ``None``: as the settings say."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tokens_per_minute: Annotated[int, msgspec.Meta(ge=0)] | None = None
    concurrent_requests: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tokens_per_day: Annotated[int, msgspec.Meta(ge=0)] | None = None
    tokens_per_month: Annotated[int, msgspec.Meta(ge=0)] | None = None
    money_per_day: Annotated[int, msgspec.Meta(ge=0)] | None = None
    money_per_month: Annotated[int, msgspec.Meta(ge=0)] | None = None

    def over(self, below: BoundSettings) -> BoundSettings:
        said = {name: value for name in BOUNDS if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(below, **said) if said else below

    def then(self, later: Change) -> Change:
        """Return this change with a later one on top."""
        said = {name: value for name in BOUNDS if (value := getattr(later, name)) is not None}
        return msgspec.structs.replace(self, **said)


class Rules:
    """The bounds of every account, and what models cost. Immutable; a change makes new rules.

    Args:
        settings: the section ``limits``.
        changes: by account name, from ``state/limits.json``.
        name_of: a key's name by its id, since the settings may name a key by either.
    """

    def __init__(
        self,
        settings: LimitSettings,
        changes: Mapping[str, Change] | None = None,
        name_of: Callable[[str], str] = lambda key_id: "",
    ) -> None:
        self.settings = settings
        self._changes = changes or {}
        self._name_of = name_of
        self._each_key = BoundSettings(**{name: getattr(settings, name) for name in BOUNDS})
        self._said: dict[str, Mapping[str, BoundSettings]] = {
            "key": settings.keys,
            "project": settings.projects,
            "tenant": settings.tenants,
            "model": settings.models,
        }

    def of(self, account: str) -> BoundSettings:
        """Return the bounds of an account; each 0 that is none."""
        kind, _, name = account.partition(":")
        said = self._said.get(kind, {})
        below = said.get(name) or said.get(self._name_of(name))
        if below is None:
            below = self._each_key if kind == "key" else BoundSettings()
        change = self._changes.get(account)
        return below if change is None else change.over(below)

    def named(self) -> Iterator[str]:
        """Yield the accounts that settings name, keys by what the settings call them."""
        return (f"{kind}:{name}" for kind, said in self._said.items() for name in said)

    def price(self, model: str) -> tuple[int, int] | None:
        """Return what a million tokens cost, read and made, in micro-units; ``None`` where nobody has said."""
        said = self.settings.prices.get(model) or self.settings.prices.get("*")
        return None if said is None else (said.input, said.output)


def accounts_of(caller: Caller) -> tuple[str, str, str]:
    """Return the accounts that a request of this caller counts against before its model is known."""
    return f"key:{caller.key_id}", f"project:{caller.tenant}/{caller.project}", f"tenant:{caller.tenant}"


def cost_micro(price: tuple[int, int], prompt_tokens: int, completion_tokens: int) -> int:
    """Return what that many tokens cost, in micro-units, rounded up."""
    return -(-(price[0] * prompt_tokens + price[1] * completion_tokens) // MILLION)


def most_micro(price: tuple[int, int], tokens: int) -> int:
    """Return what that many tokens cost at most, whichever of them are read and made."""
    return -(-max(price) * tokens // MILLION)
