"""What becomes of each parameter of OpenAI's specification: one table, read by code, tests and documentation.

Rules:

1. ``honoured``: an engine does it, or the gateway does in its place. ``kept``: it is for the gateway, no engine is
   told. ``refused``: 400 ``unsupported_parameter``, by name.
2. ``only`` are the values that have an honest meaning here; any other value is refused as in rule 1.
3. Where a caller may have parameters dropped (``server.drop_params``, or ``x-sekisho-drop-params: true``), what rules 1
   and 2 refuse is taken out of the body instead, and the answer names it. Nothing else ever is; nor are ``needed``
   ones, without which another question would be answered (an earlier turn that nobody reads).
4. ``null`` is as if the parameter were not there.

A name is a path: ``stream_options.include_usage``, ``messages[].content[].text``. A row that refuses speaks for all
below it, every other row for itself alone. Names are those of openai-python's types; a test walks them all.

Example::

    CHAT.refused({"model": "m", "verbosity": "low"})     # "verbosity"
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from gateway.errors import BadRequest

Does = Literal["honoured", "kept", "refused"]


class Parameter(msgspec.Struct, frozen=True):
    """One row. ``how`` is said to people: in the documentation, and where it is refused."""

    name: str
    does: Does
    how: str
    only: tuple[Any, ...] = ()
    needed: bool = False

    def refuses(self, value: Any) -> bool:
        """Whether a value other than null is one that this gateway cannot make true."""
        if self.does == "refused":
            return True
        return bool(self.only) and not any(value == one and type(value) is type(one) for one in self.only)


class Table:
    """The parameters of one API."""

    def __init__(self, path: str, *rows: Parameter) -> None:
        self.path = path
        self.rows = rows
        self.by_name = {row.name: row for row in rows}
        self._judged = tuple(row for row in rows if "[" not in row.name and (row.only or row.does == "refused"))
        self._names = frozenset(row.name.partition(".")[0] for row in self._judged)

    def refused(self, tree: dict[str, Any]) -> str | None:
        """Return the name of the first parameter of a body that rules 1 and 2 refuse."""
        return next(self._refused(tree), None)

    def check(self, tree: dict[str, Any]) -> None:
        """Take nulls of refused parameters out (rule 4).

        Raises:
            BadRequest: ``unsupported_parameter``, naming the first parameter that is refused.
        """
        name = self.refused(tree)
        if name is None:
            for null in [field for field in self._names.intersection(tree) if tree[field] is None]:
                del tree[null]
        else:
            problem = f"Unsupported parameter: `{name}`. {self.by_name[name].how}"
            raise BadRequest(problem, code="unsupported_parameter", param=name)

    def drop(self, tree: dict[str, Any]) -> tuple[str, ...]:
        """Take out what is refused and return its names, in the order of the table."""
        names = tuple(name for name in self._refused(tree) if not self.by_name[name].needed)
        for name in names:
            holder, _, field = name.rpartition(".")
            (tree[holder] if holder else tree).pop(field)
        return names

    def _refused(self, tree: dict[str, Any]) -> Iterator[str]:
        if self._names.isdisjoint(tree):
            return
        for row in self._judged:
            value = _at(tree, row.name)
            if value is not None and row.refuses(value):
                yield row.name

    def row(self, name: str) -> Parameter | None:
        """Return the row that speaks for a path: its own, or one above it that refuses."""
        own, above = self.by_name.get(name), name.rpartition(".")[0]
        while own is None and above:
            found = self.by_name.get(above.removesuffix("[]"))
            own = found if found is not None and found.does == "refused" else None
            above = above.rpartition(".")[0]
        return own


def _at(tree: dict[str, Any], name: str) -> Any:
    holder, _, field = name.rpartition(".")
    inner = tree.get(holder) if holder else tree
    return inner.get(field) if isinstance(inner, dict) else None


def _honoured(name: str, how: str, *only: Any) -> Parameter:
    return Parameter(name, "honoured", how, only)


def _kept(name: str, how: str, *only: Any) -> Parameter:
    return Parameter(name, "kept", how, only)


def _refused(name: str, how: str) -> Parameter:
    return Parameter(name, "refused", how)


def _each(how: str, below: str, *names: str) -> Iterator[Parameter]:
    """Yield rows of fields that are all honoured in one way."""
    return (_honoured(f"{below}{name}", how) for name in names)


_TEXT, _WORD = "Searched as text.", "An enumeration or an id."
_USER = "Searched as text; names a person in the log where the key vouches for it."
_UNREADABLE = "400 `request.part_unreadable`: nothing here can search it."
_NO_CACHE_CHOICE = "Caches are kept apart by tenant, and nothing about them can be chosen."

_SAMPLING = (
    _honoured("model", "A model's own name, an alias, or MODEL:ADAPTER."),
    _honoured("frequency_penalty", "Over the whole context."),
    _honoured("presence_penalty", "Over the whole context."),
    _honoured("logit_bias", "By token id of that model."),
    _honoured("max_tokens", "Up to what the context holds."),
    _honoured("n", "One after the other on one slot; the prompt counts once."),
    _honoured("seed", "By its last 32 bits; each further choice takes the next number."),
    _honoured("stop", "Up to 16 texts."),
    _honoured("temperature", "From 0 to 2."),
    _honoured("top_p", "From 0 to 1."),
    _honoured("stream", "As server-sent events."),
    _kept("stream_options", "Field by field."),
    _kept("stream_options.include_usage", "The last event before `[DONE]` holds the usage."),
    _kept("stream_options.include_obfuscation", "Events are not padded.", False),
    _kept("user", _USER),
)

CHAT = Table(
    "/v1/chat/completions",
    *_SAMPLING,
    _honoured("messages", "Roles developer (templates call it system), system, user, assistant and tool."),
    *_each(_WORD, "messages[].", "role", "tool_call_id", "content[].type", "tool_calls[].id", "tool_calls[].type"),
    *_each(_TEXT, "messages[].", "content", "content[].text", "content[].refusal", "name", "refusal"),
    *_each(_TEXT, "messages[].tool_calls[].function.", "name", "arguments"),
    *_each("Field by field.", "messages[].", "tool_calls", "tool_calls[].function"),
    _refused("messages[].content[].image_url", _UNREADABLE),
    _refused("messages[].content[].input_audio", _UNREADABLE),
    _refused("messages[].content[].file", _UNREADABLE),
    _refused("messages[].content[].prompt_cache_breakpoint", "400 `unknown_parameter`. " + _NO_CACHE_CHOICE),
    _refused("messages[].audio", "Only null is taken."),
    _refused("messages[].function_call", "Only null is taken; use `tool_calls`."),
    _refused("messages[].tool_calls[].custom", "Only tools of type function."),
    _honoured("max_completion_tokens", "As `max_tokens`, which it goes before."),
    _honoured("logprobs", "Not with `tools` on llama.cpp, which says so; null where text was restored."),
    _honoured("top_logprobs", "Up to 20; needs `logprobs`."),
    _honoured("response_format", "text, json_object, json_schema: held by a grammar in the engine, always strictly."),
    _honoured("tools", "Of type function, up to 128."),
    *_each(_WORD, "", "tools[].type", "tools[].function.strict", "tool_choice.type", "response_format.type"),
    *_each(_TEXT, "tools[].function.", "name", "description", "parameters"),
    *_each(_TEXT, "response_format.json_schema.", "name", "description", "schema"),
    *_each(_TEXT, "tool_choice.", "function.name", "allowed_tools.tools"),
    *_each("Field by field.", "", "tools[].function", "tool_choice.function", "response_format.json_schema"),
    *_each("The engine is told of these tools alone.", "tool_choice.", "allowed_tools", "allowed_tools.mode"),
    _honoured("response_format.json_schema.strict", "Always as if it were true."),
    _refused("tools[].custom", "Only tools of type function."),
    _honoured(
        "tool_choice",
        "none, auto, required, one function by name, or allowed_tools. For a model whose chat template knows no tools "
        "they are told in words and the answer is held to JSON; `stop` cannot go beside them then.",
    ),
    _refused("tool_choice.custom", "Only tools of type function."),
    _honoured("parallel_tool_calls", "Where the model's template has a form for it, and where it knows no tools."),
    _kept("metadata", "Searched as text; no engine sees it."),
    _kept("modalities", "Answers are text.", ["text"]),
    _kept("safety_identifier", _USER),
    _kept("service_tier", "There is one tier; `x-sekisho-priority` lowers a request's own.", "auto", "default"),
    _kept("store", "This API keeps no answers.", False),
    _refused("audio", "Answers are text."),
    _refused("function_call", "Use `tool_choice`."),
    _refused("functions", "Use `tools`."),
    _refused("moderation", "No moderation model is part of this gateway."),
    _refused("prediction", "No engine here speeds up by it."),
    _refused("prompt_cache_key", _NO_CACHE_CHOICE),
    _refused("prompt_cache_options", _NO_CACHE_CHOICE),
    _refused("prompt_cache_retention", _NO_CACHE_CHOICE),
    _refused("reasoning_effort", "How long a model reasons is its own here."),
    _refused("verbosity", "Say it in a message."),
    _refused("web_search_options", "Nothing here reaches the web."),
)

COMPLETIONS = Table(
    "/v1/completions",
    *(row for row in _SAMPLING if row.name != "max_tokens"),
    _honoured("max_tokens", "16 where it is not said, as for OpenAI; else up to what the context holds."),
    _honoured("prompt", "A text, texts, or token ids, which become text by the model's vocabulary before the search."),
    _honoured("echo", "The prompt's own text goes before the answer's; not with `logprobs`."),
    _honoured("logprobs", "Up to 5, in this API's own form; null where text was restored."),
    _honoured("best_of", "Only the value of `n`, or 1: nothing is made that is not shown."),
    _refused("suffix", "No engine here fills in the middle."),
)

EMBEDDINGS = Table(
    "/v1/embeddings",
    _honoured("model", "A model that embeds."),
    _honoured("input", "A text, up to 2,048 of them, or token ids, which become text before the search."),
    _honoured("encoding_format", "float or base64."),
    _honoured("dimensions", "Where the model was trained for it; the length is made 1 again. Else 400."),
    _kept("user", _USER),
)

MODERATIONS = Table(
    "/v1/moderations",
    _refused("input", "404 `moderation_not_configured`: calling every text safe would be failing open."),
    _refused("model", "404 `moderation_not_configured`."),
)

_NOTHING_KEPT = "There is none here; send `previous_response_id`, or all of it in `input`. Never dropped."
_NULL = "Only null is taken."
_NONE_CITED = "Only an empty list is taken: nothing is cited."
_OTHER_ITEM = "Only in items that this gateway has no type for: 400, naming the item's `type`."
_OTHER_TOOL = "Only tools of type function."

RESPONSES = Table(
    "/v1/responses",
    *(row for row in _SAMPLING if row.name in {"model", "temperature", "top_p", "stream", "user"}),
    _honoured("input", "A text, or items of type message, function_call, function_call_output and reasoning."),
    *_each(_TEXT, "input[].", "content", "output", "name", "arguments", "content[].text", "content[].refusal"),
    *_each(_TEXT, "input[].", "output[].text", "summary[].text"),
    *_each(_WORD, "input[].", "type", "role", "id", "call_id", "status", "content[].type", "output[].type"),
    *_each(_WORD, "input[].", "summary[].type"),
    _honoured("input[].phase", "Taken, but no chat template here has a place for it."),
    _honoured("input[].summary", "Read where the item has no `content`."),
    *(_refused(f"input[].content[].{name}", _NONE_CITED) for name in ("annotations", "logprobs")),
    *(_refused(f"input[].{name}", _NULL) for name in ("caller", "namespace", "encrypted_content")),
    *(
        _refused(f"input[].{holder}[].{name}", _UNREADABLE)
        for holder in ("content", "output")
        for name in ("detail", "image_url", "file_data", "file_id", "file_url", "filename")
    ),
    *(
        _refused(f"input[].{holder}[].prompt_cache_breakpoint", "400 `unknown_parameter`. " + _NO_CACHE_CHOICE)
        for holder in ("content", "output")
    ),
    *(_refused(f"input[].output.{name}", _OTHER_ITEM) for name in ("file_id", "image_url", "type")),
    *(_refused(f"input[].output[].{name}", _OTHER_ITEM) for name in ("outcome", "stderr", "stdout")),
    *(
        _refused(f"input[].{name}", _OTHER_ITEM)
        for name in (
            "acknowledged_safety_checks action actions approval_request_id approve async background code container_id "
            "environment error execution fingerprint input max_output_length operation output_format outputs "
            "pending_safety_checks quality queries reason reasoning result results revised_prompt server_label size "
            "svg_usage text tools"
        ).split()
    ),
    _honoured("instructions", "The first system message. Searched as text."),
    _honoured("max_output_tokens", "Up to what the context holds."),
    _honoured("tools", "Of type function, up to 128."),
    *_each(_WORD, "tools[].", "type", "strict"),
    *_each(_TEXT, "tools[].", "name", "description", "parameters"),
    *(
        _refused(f"tools[].{name}", _OTHER_TOOL)
        for name in (
            "action allowed_callers allowed_tools async authorization background complexity connector_id container "
            "defer_loading display_height display_width environment execution external_web_access filters format "
            "frame_count frame_duration_ms headers input_fidelity input_image_mask max_num_results model moderation "
            "output_compression output_format output_schema partial_images quality ranking_options require_approval "
            "search_content_types search_context_size server_description server_label server_url size svg tools "
            "tunnel_id user_location vector_store_ids"
        ).split()
    ),
    _honoured("tool_choice", "none, auto, required, one function by name, or allowed_tools; as for chat."),
    _honoured("tool_choice.mode", "The engine is told of these tools alone."),
    *_each(_TEXT, "tool_choice.", "name", "tools"),
    _honoured("tool_choice.type", "function or allowed_tools."),
    _refused("tool_choice.server_label", _OTHER_TOOL),
    _honoured("parallel_tool_calls", "Where the model's template has a form for it, and where it knows no tools."),
    _honoured("text", "Field by field."),
    _honoured("text.format", "text, json_object, json_schema: held by a grammar in the engine, always strictly."),
    *_each(_TEXT, "text.format.", "name", "description", "schema"),
    _honoured("text.format.type", _WORD),
    _honoured("text.format.strict", "Always as if it were true."),
    _honoured("text.verbosity", "Say it in a message.", "medium"),
    _kept("metadata", "Searched as text and told back; no engine sees it."),
    _kept("safety_identifier", _USER),
    _kept("service_tier", "There is one tier; `x-sekisho-priority` lowers a request's own.", "auto", "default"),
    _kept("store", "Kept where you say so and policy lets it, encrypted, for your key alone; the answer says whether."),
    _kept("background", "Nothing runs behind the caller's back.", False),
    _kept("truncation", "A conversation that is too long is refused.", "disabled"),
    _kept("include", "Nothing of it is there to include.", []),
    _kept("reasoning", "Field by field."),
    *(
        _refused(f"reasoning.{name}", "How a model reasons, and what it shows of it, is its own here.")
        for name in ("effort", "summary", "generate_summary", "context", "mode")
    ),
    _kept("stream_options", "Field by field."),
    _kept("stream_options.include_obfuscation", "Events are not padded.", False),
    _honoured("previous_response_id", "Of your key; what came before is searched and judged again with the new input."),
    Parameter("conversation", "refused", _NOTHING_KEPT, needed=True),
    Parameter(
        "prompt", "refused", "No templates are kept here; send `instructions` and `input`. Never dropped.", (), True
    ),
    _refused("access_programs", "There are none here."),
    _refused("background_options", "Nothing runs behind the caller's back."),
    _refused("context_management", "Nothing here edits a conversation."),
    _refused("image", "Answers are text."),
    _refused("max_tool_calls", "Nothing here runs tools; `max_output_tokens` bounds an answer."),
    _refused("moderation", "No moderation model is part of this gateway."),
    _refused("prompt_cache_key", _NO_CACHE_CHOICE),
    _refused("prompt_cache_options", _NO_CACHE_CHOICE),
    _refused("prompt_cache_retention", _NO_CACHE_CHOICE),
    _refused("top_logprobs", "This API's answers have no log probabilities here; `/v1/chat/completions` has them."),
)

TABLES = (CHAT, COMPLETIONS, EMBEDDINGS, MODERATIONS, RESPONSES)
