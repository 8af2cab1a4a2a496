"""A served gateway that believes an issuer's tokens: who is let in, a key rolled over, what the log knows."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from left_behind import files_of
from running import Running
from token_issuer import NAME, OTHER, SETTINGS, lay, members, signed

pytestmark = [pytest.mark.real, pytest.mark.slow]
ISSUER = {
    "issuer": NAME,
    "audience": ["sekisho"],
    "keys": SETTINGS.keys,
    "tenant": {"claim": "tenant"},
    "roles": {"claim": ["realm_access", "roles"], "map": {"llm-user": "user"}},
}


def ask(running: Running, shown: str) -> tuple[int, str]:
    """Return status and ``error.code`` of a chat."""
    body = {"model": "smollm2-135m-instruct", "max_tokens": 2, "messages": [{"role": "user", "content": "Say hello"}]}
    said = {"authorization": f"Bearer {shown}", "content-type": "application/json"}
    request = urllib.request.Request(running.base + "/v1/chat/completions", json.dumps(body).encode(), said)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.load(error)["error"]["code"])


def token(**given: Any) -> str:
    now = int(time.time())
    return signed({"iat": now, "exp": now + 300, **given.pop("claims", {})}, **given)


@pytest.mark.timeout(400)
def test_a_token_is_served_and_a_withdrawn_key_is_not(installed: Callable[..., Running]) -> None:
    served = installed(identity={"issuers": [ISSUER]})
    lay(served.folder, members())
    served.start()
    key = served.key()
    assert [ask(served, shown)[0] for shown in (token(), key)] == [200, 200]
    assert ask(served, token(key=OTHER)) == (401, "identity.token")
    assert ask(served, token(claims={"exp": 1000, "iat": 900})) == (401, "identity.token_expired")
    assert ask(served, token(claims={"tenant": "Body Shop"})) == (403, "identity.token_unmapped")
    lay(served.folder, [*members()[1:2], {**members()[3], "kid": "r2", "use": "sig"}])
    time.sleep(1.0)  # that is what is promised
    assert ask(served, token()) == (401, "identity.token")
    assert ask(served, token(key=OTHER, kid="r2"))[0] == 200
    served.stop()
    log = b"".join(files_of(served.folder / ".sekisho" / "audit").values())
    assert b"7c9e-ana" not in log
    assert b'"jwt-' in log
    assert b"issuer.keys_changed" in log
