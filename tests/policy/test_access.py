"""Where an answer is looked at: what a key says and what the network says, and which of the two counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.domain import Caller
from gateway.policy.access import UNKNOWN, Access, RecalledPlace, stricter
from gateway.policy.organisation import Network, Organisation, Site
from gateway.settings import SiteSettings

MUNICH = SiteSettings(name="muc", jurisdiction="DE")
NETWORKS = {
    "10.0.0.0/8": Network(site="muc"),
    "10.8.0.0/16": Network(jurisdiction="FR"),
    "10.8.7.0/24": Network(site="changchun"),
    "fd00:8::/32": Network(jurisdiction="US"),
}
TABLE = Organisation(sites={"changchun": Site(jurisdiction="CN")}, networks=NETWORKS)


@pytest.mark.parametrize(
    ("origin", "said", "seen", "counts"),
    [
        ("DE", "DE", "DE", "DE"),
        ("DE", "", "FR", "FR"),
        ("DE", "", "DE", "DE"),
        ("DE", "DE", "US", "US"),
        ("DE", "FR", "FR", "FR"),
        ("DE", "CN", "DE", "CN"),
        ("CN", "DE", "CN", "DE"),
        ("DE", "FR", "US", UNKNOWN),  # both abroad: two transfers
        ("", "DE", "FR", UNKNOWN),  # nobody knows which of them is abroad
        ("DE", "DE", UNKNOWN, UNKNOWN),
        ("DE", UNKNOWN, "DE", UNKNOWN),
    ],
)
def test_what_is_not_the_origin_counts(origin: str, said: str, seen: str, counts: str) -> None:
    assert stricter(origin, said, seen) == counts


@pytest.mark.parametrize(
    ("source", "country"),
    [
        ("10.1.2.3", "DE"),
        ("10.8.1.1", "FR"),
        ("10.8.7.1", "CN"),
        ("::ffff:10.8.1.1", "FR"),
        ("fd00:8::1", "US"),
        ("192.0.2.1", UNKNOWN),
        ("127.0.0.1", UNKNOWN),
        ("unix", UNKNOWN),
        ("batch", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_the_longest_network_says_where_an_address_is(caller: Callable[..., Caller], source: str, country: str) -> None:
    assert Access(MUNICH).seen_from(TABLE, caller("DE", "DE"), source).access_from == country


def test_without_networks_the_key_says_it_alone(caller: Callable[..., Caller]) -> None:
    asked = caller("DE", "FR")
    assert Access(MUNICH).seen_from(Organisation(), asked, "192.0.2.1") is asked


def test_elsewhere_may_be_where_the_key_says_but_a_known_network_still_counts(caller: Callable[..., Caller]) -> None:
    trusting = Organisation(networks={"10.8.0.0/16": Network(jurisdiction="US")}, elsewhere="key")
    access = Access(MUNICH)
    assert access.seen_from(trusting, caller("DE", "FR"), "192.0.2.1").access_from == "FR"
    assert access.seen_from(trusting, caller("DE", "DE"), "10.8.0.1").access_from == "US"


def test_another_organisation_is_another_table(caller: Callable[..., Caller]) -> None:
    access, asked = Access(MUNICH), caller("DE", "DE")
    assert access.seen_from(TABLE, asked, "10.8.1.1").access_from == "FR"
    moved = Organisation(networks={"10.8.0.0/16": Network(jurisdiction="US")})
    assert access.seen_from(moved, asked, "10.8.1.1").access_from == "US"


@pytest.mark.parametrize(
    ("said", "ordered_in", "counts"),
    [("DE", "DE", "DE"), ("DE", "FR", "FR"), ("FR", "FR", "FR"), ("FR", "US", UNKNOWN), ("DE", "", UNKNOWN)],
)
def test_what_is_done_later_counts_as_asked_from_where_it_was_ordered(said: str, ordered_in: str, counts: str) -> None:
    caller = Caller("k1", "acme", "p", (), "support", "muc", "DE", "DE", said)

    assert Access(MUNICH).seen_from(TABLE, caller, RecalledPlace(ordered_in)).access_from == counts


def test_no_text_is_a_recalled_place() -> None:
    caller = Caller("k1", "acme", "p", (), "support", "muc", "DE", "DE", "DE")

    assert RecalledPlace("DE") == "batch"
    assert {Access(MUNICH).seen_from(TABLE, caller, text).access_from for text in ("batch", "DE")} == {UNKNOWN}
