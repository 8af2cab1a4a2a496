"""Bodies of other APIs than chat completions that use every field that holds text; no two hold the same dict.

A tour: ``MESSAGE`` is Anthropic's, ``LLAMA`` is Ollama's, ``RESPONSE`` is of OpenAI's ``/v1/responses``. Whoever
changes one copies it before.
"""

from __future__ import annotations

from typing import Any

CACHE = {"type": "ephemeral"}
TOOL = {
    "name": "look",
    "description": "of a tool",
    "input_schema": {"type": "object", "properties": {"where": {"type": "string", "enum": ["here"]}}},
    "cache_control": CACHE,
}
MESSAGE: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "first", "cache_control": CACHE}, {"type": "text", "text": "second"}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "asked", "cache_control": CACHE}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "thought", "signature": ""},
                {"type": "text", "text": "said", "citations": None},
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": "look",
                    "input": {"where": "there", "number": 12345},
                    "caller": {"type": "direct"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "came", "is_error": True},
                {"type": "text", "text": "and?"},
            ],
        },
    ],
    "tools": [TOOL],
    "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
    "stop_sequences": ["halt"],
    "metadata": {"user_id": "somebody"},
    "thinking": {"type": "disabled"},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "string", "const": "fixed"}}},
    "top_k": 3,
}

CALLED = {"function": {"name": "add", "arguments": {"key": "value", "number": 12345}}}
LLAMA: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "ruled"},
        {"role": "user", "content": "asked"},
        {"role": "assistant", "content": "", "thinking": "thought", "tool_calls": [CALLED, CALLED]},
        {"role": "tool", "tool_name": "add", "content": "first"},
        {"role": "tool", "tool_name": "add", "content": "second"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "add", "description": "told", "parameters": {"enum": ["one"]}}}
    ],
    "format": {"type": "object", "properties": {"named": {"type": "string"}}},
    "options": {"seed": 1, "num_predict": 7, "temperature": 0.5, "stop": ["halt"]},
}

RESPONSE: dict[str, Any] = {
    "model": "m",
    "instructions": "ruled",
    "input": [
        {"role": "developer", "content": "told"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "asked"}]},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "short"}],
            "content": [{"type": "reasoning_text", "text": "thought"}],
            "encrypted_content": None,
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "said", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "would not"},
            ],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"where":"there","number":12345}',
            "status": "completed",
        },
        {"type": "function_call", "call_id": "call_2", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "came"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "went"}]},
        {"role": "user", "content": "and?"},
    ],
    "tools": [
        {
            "type": "function",
            "name": "look",
            "description": "of a tool",
            "parameters": {"type": "object", "properties": {"where": {"type": "string", "enum": ["here"]}}},
            "strict": True,
        }
    ],
    "tool_choice": {"type": "function", "name": "look"},
    "parallel_tool_calls": False,
    "text": {
        "format": {
            "type": "json_schema",
            "name": "shape",
            "description": "of a form",
            "schema": {"type": "string", "const": "fixed"},
        }
    },
    "max_output_tokens": 9,
    "temperature": 0.5,
    "top_p": 0.9,
    "metadata": {"order": "numbered"},
    "user": "somebody",
    "safety_identifier": "someone",
    "store": False,
    "truncation": "disabled",
}
