"""Every way in which Sekisho says no, as one exception tree.

Each class carries an HTTP status, the OpenAI ``type``, a *stable code* (what ``sekisho doctor CODE`` explains), a
message that is safe to show to a caller, and whether trying again can help. No message ever holds prompt text, a found
value or the text of a foreign exception.

::

    SekishoError                      500  internal
    ├── BadRequest                    400  request.*            the caller must change the request
    │   ├── BodyTooLarge              413  request.body_too_large
    │   ├── RouteNotFound             404  request.route_not_found
    │   ├── MethodNotAllowed          405  request.method_not_allowed
    │   ├── UnsupportedMediaType      415  request.media_type
    │   ├── ModerationNotConfigured   404  moderation_not_configured
    │   ├── ModelNotFound             404  model_not_found
    │   ├── ResponseNotFound          404  request.response_not_found
    │   ├── FileNotFound              404  request.file_not_found
    │   ├── BatchNotFound             404  request.batch_not_found
    │   ├── FileInUse                 409  request.file_in_use  an unfinished batch reads it
    │   ├── PreviousResponseNotFound  400  request.previous_response_not_found
    │   └── DecisionNotFound          404  policy.*             no such decision or receipt of this caller's
    ├── Unauthenticated               401  identity.*
    ├── Forbidden                     403
    │   ├── PolicyDenied              403  policy.*             with decision id and reason codes
    │   └── OutputBlocked             403  privacy.output_blocked
    ├── LimitExceeded                 429  limits.*, fleet.*    with Retry-After
    │   ├── RateExceeded              429  limits.*             OpenAI's rate_limit_exceeded
    │   └── QuotaExceeded             429  limits.*_per_*       OpenAI's insufficient_quota: waiting does not help
    └── Unavailable                   503  with Retry-After
        ├── DetectorUnavailable       503  privacy.*
        ├── PolicyUnavailable         503  policy.*
        │   └── PolicyExpired         503  policy.bundle_expired  waiting does not help
        ├── EngineUnavailable         503  engine.*             may be tried elsewhere while no byte has left
        └── AuditUnavailable          503  audit.*
            └── AuditFinal            503  audit.*              waiting does not help: a person must act

Errors that no caller ever sees (start-up, command line) are :class:`SetupError`: one line, and the mend.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import ClassVar

_SHORT = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # of room, descriptors, memory
_IN_THE_WAY = (errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ETIMEDOUT)


class SekishoError(Exception):
    """A refusal that may be shown to the caller.

    Args:
        message: one sentence, safe to show.
        code: stable code; defaults to the class's own.
        param: the request field at fault, in OpenAI's manner (``messages[0].content``).
        decision_id: the policy decision that led here, when there was one.
    """

    status: ClassVar[int] = 500
    openai_type: ClassVar[str] = "server_error"
    default_code: ClassVar[str] = "internal"
    default_message: ClassVar[str] = "The gateway met an error of its own. The operator's log has the request id."
    retryable: ClassVar[bool] = True
    openai_code: ClassVar[str] = ""
    """What ``error.code`` is on the wire where OpenAI has a word of its own; empty: the stable code."""

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_seconds: float | None = None,
        decision_id: str | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.code = code or self.default_code
        self.param = param
        self.retry_after_seconds = retry_after_seconds
        self.decision_id = decision_id
        self.detail: Mapping[str, object] | None = None  # plain JSON for programs, safe to show: `error.sekisho`
        super().__init__(f"{self.code}: {self.message}")

    @property
    def type(self) -> str:
        """OpenAI's ``error.type``."""
        return self.openai_type

    def spoken(self, language: str) -> SekishoError:
        """Return the same refusal in a language, where it is known in that: those by policy are, all others English."""
        return self


class BadRequest(SekishoError):
    """The request itself is wrong; the same request will never pass."""

    status = 400
    openai_type = "invalid_request_error"
    default_code = "request.invalid"
    default_message = "The request is not valid."
    retryable = False


class BodyTooLarge(BadRequest):
    status = 413
    default_code = "request.body_too_large"
    default_message = "The request body is larger than this gateway accepts."


class RouteNotFound(BadRequest):
    status = 404
    default_code = "request.route_not_found"
    default_message = "There is nothing at this address."


class MethodNotAllowed(BadRequest):
    status = 405
    default_code = "request.method_not_allowed"
    default_message = "This address does not answer to that method."


class UnsupportedMediaType(BadRequest):
    status = 415
    default_code = "request.media_type"
    default_message = "The body must be JSON: send it with `content-type: application/json`."


class ModerationNotConfigured(BadRequest):
    """Nobody here can judge a text, and calling everything safe would be failing open."""

    status = 404
    default_code = "moderation_not_configured"
    default_message = "This gateway has no moderation model, so it cannot say of any text that it is safe."


class ModelNotFound(BadRequest):
    status = 404
    default_code = "model_not_found"
    default_message = "This model does not exist or you do not have access to it."


class ResponseNotFound(BadRequest):
    """No such response, another caller's, one that was not kept or has ended: one message for all of them."""

    status = 404
    default_code = "request.response_not_found"
    default_message = "There is no response of this id. One is kept where `store` is true, until its days are over."


class FileNotFound(BadRequest):
    """No such file, another caller's, one that was deleted or has ended: one message for all of them."""

    status = 404
    default_code = "request.file_not_found"
    default_message = "There is no file of this id."


class BatchNotFound(BadRequest):
    """As :class:`FileNotFound`, of a batch."""

    status = 404
    default_code = "request.batch_not_found"
    default_message = "There is no batch of this id."


class FileInUse(BadRequest):
    """A file is not deleted while a batch of the same owner's is to read it. Who does not own it gets FileNotFound."""

    status = 409
    default_code = "request.file_in_use"
    default_message = "An unfinished batch reads this file: wait until it has ended, or cancel it."


class PreviousResponseNotFound(BadRequest):
    """As :class:`ResponseNotFound`, where a conversation was to go on; OpenAI's status, code and field."""

    default_code = "request.previous_response_not_found"
    openai_code = "previous_response_not_found"
    default_message = (
        "Previous response not found: it, or one before it, was not kept, has ended, was deleted, or is not yours. "
        "Send the whole conversation in `input`, and `store: true` where you want to go on."
    )


class DecisionNotFound(BadRequest):
    """No such decision, or not this caller's: one message for both."""

    status = 404
    default_code = "policy.decision_not_found"
    default_message = (
        "Your project has no decision of this id among the log's newest records, nor among those of the time that the "
        "id tells."
    )


class Unauthenticated(SekishoError):
    """No key, a wrong key, a revoked or expired key: one status, one message, whichever it was."""

    status = 401
    openai_type = "invalid_request_error"
    default_code = "invalid_api_key"
    default_message = "Incorrect API key provided. Ask your operator for a key (sekisho keys create)."
    retryable = False


class Forbidden(SekishoError):
    status = 403
    openai_type = "permission_error"
    default_code = "identity.role"
    default_message = "This key may not do that."
    retryable = False


class PolicyDenied(Forbidden):
    """Policy answered, and the answer was no.

    ``reasons`` are codes only; their text never comes from a prompt. :func:`gateway.policy.refusal.denied` makes one
    that says what to change.
    """

    default_code = "policy.denied"
    default_message = "Policy does not allow this request."

    def __init__(
        self,
        message: str | None = None,
        *,
        reasons: tuple[str, ...] = (),
        param: str | None = None,
        decision_id: str | None = None,
        detail: Mapping[str, object] | None = None,
        said_in: Callable[..., PolicyDenied] | None = None,
    ) -> None:
        super().__init__(message, code=reasons[0] if reasons else None, param=param, decision_id=decision_id)
        self.reasons = reasons
        self.detail = detail
        self._said_in = said_in

    def spoken(self, language: str) -> SekishoError:
        return self._said_in(language=language) if self._said_in and language != "en" else self


class OutputBlocked(Forbidden):
    """The answer holds personal data that the caller did not send, and policy does not let that out."""

    default_code = "privacy.output_blocked"
    default_message = "The answer held personal data that were not in the request, so it was stopped."


class LimitExceeded(SekishoError):
    status = 429
    openai_type = "rate_limit_error"
    default_code = "rate_limit_exceeded"
    default_message = "Too many requests."
    standing: object = None  # how far the caller is from its next refusal: gateway.identity.door.Standing


class RateExceeded(LimitExceeded):
    """A bound of a minute, or of what may be in flight: the same request passes a little later.

    Args:
        of: OpenAI's word for what there is too much of: ``requests`` or ``tokens``.
    """

    openai_code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str | None = None,
        *,
        of: str = "requests",
        code: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after_seconds=retry_after_seconds)
        self.of = of

    @property
    def type(self) -> str:
        return self.of


class QuotaExceeded(LimitExceeded):
    """A budget of a day or a month is used up: trying again at once cannot help."""

    openai_type = "insufficient_quota"
    openai_code = "insufficient_quota"
    retryable = False


class Unavailable(SekishoError):
    status = 503
    openai_type = "service_unavailable"
    default_code = "unavailable"
    default_message = "The gateway cannot take this request now."


class DetectorUnavailable(Unavailable):
    default_code = "privacy.detector_error"
    default_message = "The search for personal data did not finish, so the request was refused."


class PolicyUnavailable(Unavailable):
    default_code = "policy.unavailable"
    default_message = "There was no valid policy decision, so the request was refused."


class PolicyExpired(PolicyUnavailable):
    """The policy in force has expired: trying again cannot help until a new one is in force."""

    default_code = "policy.bundle_expired"
    default_message = "The policy in force has expired, so every request is refused until a new one is in force."
    retryable = False


class EngineUnavailable(Unavailable):
    default_code = "engine.unavailable"
    default_message = "The model's engine did not answer."


class AuditUnavailable(Unavailable):
    default_code = "audit.unavailable"
    default_message = "The audit log cannot be written, so the request was refused."

    @classmethod
    def because(cls, fault: BaseException, message: str | None = None, *, code: str | None = None) -> AuditUnavailable:
        """Return the refusal that follows from a fault below: final, unless that fault passes by itself."""
        return (AuditUnavailable if passes(fault) else AuditFinal)(message, code=code)


class AuditFinal(AuditUnavailable):
    """Trying again on this process cannot help until a person has acted, or this record never fits."""

    retryable = False


class ClientGone(Exception):
    """The caller hung up while its request was still coming in. Nobody is there to be told."""


class SetupError(Exception):
    """Something about the installation is wrong. ``str()`` is one line; ``mend`` says what to do.

    ``exit_code`` follows the command-line contract: 2 used wrongly, 3 could not.
    """

    def __init__(self, problem: str, mend: str, *, exit_code: int = 3) -> None:
        self.problem = problem
        self.mend = mend
        self.exit_code = exit_code
        super().__init__(f"{problem} {mend}".strip())


def passes(fault: BaseException | None) -> bool:
    """Whether what the system refused may go well a little later, with nobody's help.

    A full disk and too many open files do pass; a disk that fails, a file that is gone, damaged or not ours does not.
    Where a fault was translated, what it was raised from counts.
    """
    while fault is not None and not isinstance(fault, OSError):
        fault = fault.__cause__
    if fault is None:
        return False
    return isinstance(fault, TimeoutError | ConnectionError) or fault.errno in _SHORT + _IN_THE_WAY
