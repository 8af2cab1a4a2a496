"""What token ids of a model's vocabulary spell.

Ids become text here before anything else looks at them; nothing passes that was not searched as text.

Example::

    await spell(tree, "prompt", "smollm2", models, 128)     # {"prompt": [5483, 28]} has {"prompt": ["One,"]} then
"""

from __future__ import annotations

from typing import Any

from gateway.errors import BadRequest
from gateway.http.models import Models

MOST_TOKENS = 65_536  # of one input
MOST_IDS = 300_000  # of all inputs together: OpenAI's own bound for a request (API reference, "Create embeddings")


def has_ids(given: Any) -> bool:
    """Whether a field holds token ids: a list of them, or a list of lists."""
    first = given[0] if isinstance(given, list) and given else None
    return isinstance(first, list) or type(first) is int


async def spell(tree: dict[str, Any], field: str, model: str, models: Models, most: int) -> None:
    """Put texts in the place of the token ids in ``tree[field]``, of at most ``most`` inputs. Raises BadRequest."""
    given: list[Any] = tree[field]
    many = isinstance(given[0], list)
    inputs = given if many else [given]
    if len(inputs) > most:
        raise BadRequest(f"`{field}` holds {len(inputs)} inputs; {most} are taken.", param=field)
    if sum(len(tokens) for tokens in inputs if isinstance(tokens, list)) > MOST_IDS:
        raise BadRequest(f"`{field}` holds more than {MOST_IDS} token ids.", param=field)
    tree[field] = texts = []
    for number, tokens in enumerate(inputs):
        param = f"{field}[{number}]" if many else field
        texts.append(await text_of(tokens, param, model, models))


async def text_of(tokens: Any, param: str, model: str, models: Models) -> str:
    """Return what one input's ids spell. Raises BadRequest, naming ``param``."""
    _check_tokens(tokens, param)
    try:
        text = await models.text(model, tokens)
    except LookupError as error:
        problem = "Unsupported parameter: token ids cannot be read here for this model; send texts."
        raise BadRequest(problem, code="unsupported_parameter", param=param.partition("[")[0]) from error
    except ValueError as error:
        raise BadRequest(f"`{param}` holds an id that this model's vocabulary does not have.", param=param) from error
    if not text:
        raise BadRequest(f"`{param}` spells no text.", param=param)
    return text


def _check_tokens(tokens: Any, param: str) -> None:
    """Raises BadRequest: others than ids, too many, or none."""
    whole = isinstance(tokens, list) and all(type(token) is int for token in tokens)
    if not whole or not 1 <= len(tokens) <= MOST_TOKENS:
        raise BadRequest(f"`{param}` must be 1 to {MOST_TOKENS} token ids, or texts alone.", param=param)
