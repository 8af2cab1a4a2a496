"""LlamaIndex, pydantic-ai, instructor, litellm's SDK and ``llm``: nothing is changed but address, key and model."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import instructor
import litellm
import openai
import pytest
import yaml
from llama_index.core.llms import ChatMessage
from llama_index.core.program import LLMTextCompletionProgram
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.output import NativeOutput, ToolOutput
from pydantic_ai.providers.openai import OpenAIProvider
from suite import BASE, KEY, MODEL, TOOL


class Forecast(BaseModel):
    """Weather of a city."""

    city: Literal["Paris", "Munich"]
    degrees: int


# --- LlamaIndex ------------------------------------------------------------------------------------------------------


def index_model(*, is_chat_model: bool = True, **more: Any) -> OpenAILike:
    return OpenAILike(
        model=MODEL,
        api_base=f"{BASE}/v1",
        api_key=KEY,
        is_chat_model=is_chat_model,
        is_function_calling_model=True,
        context_window=2048,
        max_tokens=200,
        max_retries=0,
        temperature=0,
        **more,
    )


def test_llama_index_chats_and_streams_the_same() -> None:
    asked = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Say hello.")]

    plain = index_model().chat(asked).message.content
    streamed = "".join(part.delta or "" for part in index_model().stream_chat(asked))

    assert plain
    assert streamed == plain


def test_llama_index_completes() -> None:
    assert index_model(is_chat_model=False).complete("One, two, three,").text


def test_llama_index_gets_an_object_of_its_class() -> None:
    program = LLMTextCompletionProgram.from_defaults(
        output_cls=Forecast,
        llm=index_model(additional_kwargs={"response_format": schema_of(Forecast)}),
        prompt_template_str="Forecast for {place}.",
    )

    assert isinstance(program(place="Munich"), Forecast)


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    shape = {**model.model_json_schema(), "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": model.__name__, "schema": shape, "strict": True}}


# --- pydantic-ai -----------------------------------------------------------------------------------------------------


def provider() -> OpenAIProvider:
    return OpenAIProvider(openai_client=openai.AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0))


BOTH = pytest.mark.parametrize("kind", [OpenAIChatModel, OpenAIResponsesModel], ids=["chat", "responses"])
SHORT: Any = {"max_tokens": 250, "temperature": 0}


@BOTH
def test_pydantic_ai_gets_an_object_by_a_tool(kind: Any) -> None:
    agent = Agent(kind(MODEL, provider=provider()), output_type=ToolOutput(Forecast), model_settings=SHORT)

    said = agent.run_sync("Forecast for Munich, 12 degrees.")

    assert isinstance(said.output, Forecast)
    assert said.usage.output_tokens > 0


@BOTH
def test_pydantic_ai_gets_an_object_by_a_schema(kind: Any) -> None:
    agent = Agent(kind(MODEL, provider=provider()), output_type=NativeOutput(Forecast), model_settings=SHORT)

    assert isinstance(agent.run_sync("Forecast for Munich, 12 degrees.").output, Forecast)


@BOTH
def test_pydantic_ai_streams(kind: Any) -> None:
    agent = Agent(kind(MODEL, provider=provider()), model_settings=SHORT)

    async def parts() -> list[str]:
        async with agent.run_stream("Count to five.") as run:
            return [part async for part in run.stream_text(delta=True, debounce_by=None)]

    assert len(asyncio.run(parts())) > 1


def test_pydantic_ai_is_told_what_is_wrong() -> None:
    agent = Agent(OpenAIChatModel("no-such-model", provider=provider()))

    with pytest.raises(ModelHTTPError) as refused:
        agent.run_sync("hello")

    assert refused.value.status_code == 404


# --- instructor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA], ids=lambda mode: mode.name)
def test_instructor_gets_an_object(mode: instructor.Mode) -> None:
    client = instructor.from_openai(openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0), mode=mode)

    said = client.chat.completions.create(
        model=MODEL,
        response_model=Forecast,
        messages=[{"role": "user", "content": "Forecast for Paris, 20 degrees."}],
        max_tokens=250,
        temperature=0,
        max_retries=0,
    )

    assert isinstance(said, Forecast)


# --- litellm's SDK ---------------------------------------------------------------------------------------------------

ASKED: dict[str, Any] = {
    "model": f"openai/{MODEL}",
    "api_base": f"{BASE}/v1",
    "api_key": KEY,
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 200,
    "temperature": 0,
    "num_retries": 0,
}


def test_litellm_chats_and_streams_the_same() -> None:
    plain = litellm.completion(**ASKED).choices[0].message.content
    streamed = "".join(part.choices[0].delta.content or "" for part in litellm.completion(**ASKED, stream=True))

    assert plain
    assert streamed == plain


def test_litellm_calls_a_tool() -> None:
    answer = litellm.completion(**ASKED, tools=[TOOL], tool_choice="required")

    assert answer.choices[0].message.tool_calls[0].function.name == "weather"


def test_litellm_tells_a_wrong_key_from_others() -> None:
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(**{**ASKED, "api_key": "sk-sekisho-wrong"})


def test_litellm_speaks_anthropics_api() -> None:
    asked = {**ASKED, "model": f"anthropic/{MODEL}", "api_base": BASE}

    answer = litellm.completion(**asked)

    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0


# --- llm -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def llm_home(tmp_path: Path) -> Path:
    """A configuration of ``llm`` as its documentation says: extra-openai-models.yaml."""
    model = {"model_id": "plant", "model_name": MODEL, "api_base": f"{BASE}/v1", "api_key_name": "sekisho"}
    (tmp_path / "extra-openai-models.yaml").write_text(yaml.safe_dump([{**model, "supports_schema": True}]))
    return tmp_path


def llm(home: Path, *arguments: str) -> str:
    command = [
        str(Path(sys.executable).parent / "llm"),
        *arguments,
        "-m",
        "plant",
        "--key",
        KEY,
        "-o",
        "max_tokens",
        "200",
    ]
    done = subprocess.run(
        command,
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "LLM_USER_PATH": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_llm_asks_plain_and_streamed(llm_home: Path) -> None:
    asked = ("Say hello.", "-o", "temperature", "0")

    assert llm(llm_home, *asked, "--no-stream").strip() == llm(llm_home, *asked).strip() != ""


def test_llm_gets_what_a_schema_says(llm_home: Path) -> None:
    name = {"type": "string", "maxLength": 20}  # a small model goes on for ever where it may
    schema = {"type": "object", "properties": {"name": name, "age": {"type": "integer"}}, "required": ["name", "age"]}
    said = llm(llm_home, "A dog.", "--schema", json.dumps(schema))

    assert set(yaml.safe_load(said)) == {"name", "age"}
