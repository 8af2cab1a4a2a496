"""What came of a batch's line speaks of those whom its answer names; one that cannot be searched is not told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from house import CALLER

from gateway.domain import Segment
from gateway.errors import DetectorUnavailable
from gateway.http import batch_line
from gateway.http.batch_line import SEARCHES, LineGateway
from gateway.kept.batch_runner import Asked
from gateway.kept.files_door import Owner, StoredBatch, Wanted
from gateway.kept.passing import counts, passes

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ask Anna"}}]}
PATH = "/v1/chat/completions"


class Site:
    """``status`` and ``persons`` are what came of the line; ``fails`` is how often its answer cannot be searched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status, self.persons, self.fails = 200, ("found:ben",), 0
        self.searched: list[tuple[str, str, list[str]]] = []
        site = self

        class Line:
            request_id, keep_days, days = "", 0, 3

            def __init__(self, *given: Any) -> None:
                self.persons = site.persons

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await send({"type": "http.response.start", "status": site.status, "headers": []})
                await send({"type": "http.response.body", "body": json.dumps(ANSWER).encode()})

        async def soon(seconds: float) -> None: ...

        monkeypatch.setattr(batch_line, "_Noted", Line)
        monkeypatch.setattr(batch_line.asyncio, "sleep", soon)
        me: Any = self
        self.gateway = LineGateway({PATH: me}, (me, me, me), me, self.names_in, lambda: (0, 0), 1.0, 30)

    async def names_in(self, tenant: str, project: str, texts: Sequence[Segment]) -> list[str]:
        self.searched.append((tenant, project, [segment.text for segment in texts]))
        if self.fails:
            self.fails -= 1
            raise DetectorUnavailable(code="privacy.detector_timeout")
        return ["found:anna"]

    async def ask(self) -> Asked:
        wanted = Wanted(input_file_id="f", endpoint=PATH, window_seconds=3600, completion_window="1h")
        given: Any = {"wanted": wanted, "created_at": 0, "secret": b"", "output_id": "o", "error_id": "e"}
        batch = StoredBatch(id="b", owner=Owner.of(CALLER), shown_in="DE", **given)
        return await self.gateway.ask(batch, "01JREQUEST", {})


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


async def test_whom_the_answer_names_stands_beside_whom_the_prompt_does(site: Site) -> None:
    asked = await site.ask()

    assert (asked.status, asked.persons, asked.days) == (200, ("found:anna", "found:ben"), 3)
    assert json.loads(asked.body) == ANSWER
    assert site.searched == [(CALLER.tenant, CALLER.project, ["ask Anna"])]


@pytest.mark.parametrize(("status", "persons"), [(200, ("user:u-4711",)), (400, ()), (503, ("found:ben",))])
async def test_an_end_users_is_theirs_alone_and_a_refusal_names_nobody(
    site: Site, status: int, persons: tuple[str, ...]
) -> None:
    site.status, site.persons = status, persons

    assert (await site.ask()).persons == persons
    assert site.searched == []


async def test_a_search_is_tried_again(site: Site) -> None:
    site.fails = SEARCHES - 1

    assert (await site.ask()).persons == ("found:anna", "found:ben")
    assert len(site.searched) == SEARCHES


async def test_what_cannot_be_searched_comes_back_later_as_one_of_the_lines_tries(site: Site) -> None:
    site.fails = SEARCHES

    asked = await site.ask()

    assert asked.status == 503
    assert json.loads(asked.body)["error"]["code"] == "privacy.detector_timeout"
    assert b"Anna" not in asked.body
    assert passes(asked.status, asked.body)
    assert counts(asked.status, asked.body)
