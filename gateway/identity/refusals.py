"""How a bound says no: which error, which words. The same for limits in this process and in Redis.

OpenAI tells two kinds of 429 apart: ``rate_limit_exceeded`` passes by waiting, ``insufficient_quota`` does not. The
stable code of each bound goes in ``x-sekisho-code``, as with all refusals.
"""

from __future__ import annotations

from gateway.errors import BadRequest, LimitExceeded, QuotaExceeded, RateExceeded, SekishoError, Unavailable

_WHOSE = {"key": "This key", "project": "This key's project", "tenant": "This key's tenant", "model": "This model"}
_BUDGETS = {
    "tokens_per_day": "may use {} tokens a day",
    "tokens_per_month": "may use {} tokens a month",
    "money_per_day": "may spend {} millionths of the site's currency a day",
    "money_per_month": "may spend {} millionths of the site's currency a month",
}


def over(account: str, bound: str, limit: int, wait_seconds: float) -> LimitExceeded:
    """Return the refusal of a request that would take an account over one of its bounds."""
    whose = _WHOSE[account.partition(":")[0]]
    if bound in _BUDGETS:
        message = f"{whose} {_BUDGETS[bound].format(limit)}, and what is left is not enough for this request."
        return QuotaExceeded(message, code=f"limits.{bound}")
    if bound == "concurrent_requests":
        message = f"{whose} may have {limit} requests in flight."
        return RateExceeded(message, code="limits.concurrency", retry_after_seconds=1, of="requests")
    of = "requests" if bound == "requests_per_minute" else "tokens"
    verb = "send" if of == "requests" else "use"
    message = f"{whose} may {verb} {limit} {of} a minute."
    return RateExceeded(message, code=f"limits.{of}", retry_after_seconds=wait_seconds, of=of)


def too_large(account: str, bound: int, limit: int) -> SekishoError:
    """Return the refusal of a request that alone is over a minute's tokens, so that waiting cannot help."""
    whose = _WHOSE[account.partition(":")[0]].lower()
    message = f"This request may need {bound} tokens, {whose} has {limit} a minute; ask for fewer."
    return BadRequest(message, code="limits.request_too_large", param="max_tokens")


def no_price() -> SekishoError:
    """Return the refusal where money is bounded and nobody has said what the model costs."""
    message = "There is a bound in money, and this model has no price. The operator sets limits.prices."
    return Unavailable(message, code="limits.no_price", retry_after_seconds=60)


def unavailable() -> SekishoError:
    """Return the refusal where what was used cannot be known or kept."""
    message = "What this key has used cannot be counted now, so the request was refused."
    return Unavailable(message, code="limits.unavailable", retry_after_seconds=2)
