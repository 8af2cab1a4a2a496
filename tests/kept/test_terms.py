"""From where something that was kept may be looked at again."""

from __future__ import annotations

import pytest
from house import CALLER
from msgspec.structs import replace

from gateway.errors import Forbidden
from gateway.kept.terms import SHOWN_ELSEWHERE, check_shown


@pytest.mark.parametrize(
    ("access_from", "judged_for", "shown"),
    [
        ("FR", "FR", True),  # as it was judged
        ("DE", "FR", True),  # at home, where the data were collected
        ("", "FR", True),  # nobody says from where: the caller's own site, which is at home
        ("US", "FR", False),
        ("US", "DE", False),
        ("ZZ", "DE", False),
        ("ZZ", "FR", False),
        ("ZZ", "ZZ", True),  # a rule of the site let it be seen there
        ("FR", "", False),  # nobody knows what it was judged for
        ("DE", "", True),
    ],
)
def test_it_is_shown_where_it_was_judged_and_at_home(access_from: str, judged_for: str, shown: bool) -> None:
    caller = replace(CALLER, access_from=access_from)
    if shown:
        check_shown(caller, judged_for, "DE")
        return

    with pytest.raises(Forbidden) as refused:
        check_shown(caller, judged_for, "DE")
    assert (refused.value.code, refused.value.status) == (SHOWN_ELSEWHERE, 403)
