"""From which country a request comes, by the network of its address: the table ``networks`` of the organisation.

Where an answer is looked at is a transfer as much as where it is worked out. What a key or token says of that and what
the network says both count, and :func:`stricter` makes one country of them. Rules:

1. Without a table, what the key says counts alone, as if there were no networks.
2. The longest network that holds an address is its own. One that is in none, or is no address (a socket's peer),
   comes from :data:`UNKNOWN`; with ``elsewhere: key`` from where its key says. What is done later, for one who has
   gone, comes from where it was ordered (:class:`RecalledPlace`).
3. Where both say the same, or one of them is the origin of the data, the other counts: it is never less strict.
4. Two countries that are both abroad are two transfers, and a question knows one: they count as :data:`UNKNOWN`.

Rules of policy know no country of that name, so nothing may be shown there; a site's own rule may say otherwise.
"""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from gateway.domain import Caller
from gateway.policy.organisation import Organisation
from gateway.settings import SiteSettings

UNKNOWN = "ZZ"
"""An unknown country, as CLDR names it; user-assigned in ISO 3166-1, so that it will never be one."""

_Net = ipaddress.IPv4Network | ipaddress.IPv6Network


class RecalledPlace(str):
    """The peer of a request that was left to be done: its text is ``batch``, its country that of who left it.

    It travels where an address else would, as a type of its own: no address, whatever it says, is ever one.
    """

    __slots__ = ("country",)

    country: str

    def __new__(cls, country: str) -> RecalledPlace:
        place = super().__new__(cls, "batch")
        place.country = country
        return place


class Access:
    """The table as it is now: built again when another organisation is handed in."""

    def __init__(self, site: SiteSettings) -> None:
        self._site = site
        self._of: Organisation | None = None
        self._nets: list[tuple[_Net, str]] = []

    def seen_from(self, organisation: Organisation, caller: Caller, source: str) -> Caller:
        """Return the caller, its ``access_from`` with what the network of ``source`` (an address) says."""
        if not organisation.networks:
            return caller
        if organisation is not self._of:
            self._nets, self._of = _table(organisation, self._site), organisation
        found = self._country(source)
        if found is None and organisation.elsewhere == "key":
            return caller
        counts = stricter(caller.collected_in, caller.access_from, found or UNKNOWN)
        return caller if counts == caller.access_from else replace(caller, access_from=counts)

    def _country(self, source: str) -> str | None:
        if isinstance(source, RecalledPlace):
            return source.country or UNKNOWN
        try:
            address = ipaddress.ip_address(source)
        except ValueError:
            return None
        plain = getattr(address, "ipv4_mapped", None) or address
        return next((country for net, country in self._nets if plain in net), None)


def stricter(origin: str, said: str, seen: str) -> str:
    """Return the country that counts, of the one a key says (empty: nothing) and the one its network is in."""
    if UNKNOWN in (said, seen):
        return UNKNOWN
    abroad = {said, seen} - {"", origin}
    if not abroad:
        return seen
    return abroad.pop() if len(abroad) == 1 else UNKNOWN


def _table(organisation: Organisation, site: SiteSettings) -> list[tuple[_Net, str]]:
    """Return networks and their countries, the longest prefix first."""
    nets = [
        (ipaddress.ip_network(name), where.jurisdiction or organisation.country_of(where.site, site) or UNKNOWN)
        for name, where in organisation.networks.items()
    ]
    return sorted(nets, key=lambda pair: -pair[0].prefixlen)
