// openai-node against a running gateway: nothing is changed but address and key.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const model = process.env.SEKISHO_MODEL;
const connect = (apiKey) => new OpenAI({ baseURL: `${process.env.SEKISHO_BASE}/v1`, apiKey, maxRetries: 0 });
const client = connect(process.env.SEKISHO_KEY);
const asked = { model, messages: [{ role: "user", content: "Say hello." }], max_tokens: 12, temperature: 0 };
const tool = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { enum: ["Paris", "Munich"] } }, required: ["city"] },
  },
};

test("a stream says what a plain call says, and its usage", async () => {
  const plain = await client.chat.completions.create(asked);
  let streamed = "";
  let usage;
  for await (const chunk of await client.chat.completions.create({
    ...asked,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    streamed += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }

  assert.ok(plain.choices[0].message.content);
  assert.equal(streamed, plain.choices[0].message.content);
  assert.deepEqual(usage.completion_tokens, plain.usage.completion_tokens);
});

test("a required tool is called", async () => {
  const answer = await client.chat.completions.create({
    ...asked,
    max_tokens: 250,
    tools: [tool],
    tool_choice: "required",
    parallel_tool_calls: false,
  });

  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(call.function.name, "weather");
  assert.ok(["Paris", "Munich"].includes(JSON.parse(call.function.arguments).city));
});

test("an object has the shape that was asked for", async () => {
  const Forecast = z.object({ city: z.enum(["Paris", "Munich"]), sunny: z.boolean() });
  const answer = await client.chat.completions.parse({
    ...asked,
    max_tokens: 60,
    response_format: zodResponseFormat(Forecast, "forecast"),
  });

  assert.ok(["Paris", "Munich"].includes(answer.choices[0].message.parsed.city));
});

test("responses, plain and streamed", async () => {
  const options = { model, input: "Say hello.", max_output_tokens: 12, temperature: 0 };
  const plain = await client.responses.create(options);
  const stream = client.responses.stream(options);
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);

  assert.ok(plain.output_text);
  assert.equal((await stream.finalResponse()).output_text, plain.output_text);
  assert.equal(kinds[0], "response.created");
});

test("embeddings arrive as numbers, though they travel as base64", async () => {
  const { data } = await client.embeddings.create({ model: process.env.SEKISHO_EMBEDDER, input: ["press", "machine"] });

  assert.equal(data.length, 2);
  assert.ok(Math.abs(Math.hypot(...data[0].embedding) - 1) < 1e-3);
});

test("models are listed", async () => {
  const ids = [];
  for await (const one of client.models.list()) ids.push(one.id);

  assert.ok(ids.includes(model));
});

test("errors are the classes that they are there", async () => {
  await assert.rejects(connect("sk-sekisho-wrong").chat.completions.create(asked), AuthenticationError);
  await assert.rejects(client.chat.completions.create({ ...asked, model: "no-such-model" }), NotFoundError);
  await assert.rejects(
    client.chat.completions.create({ ...asked, temperature: 9 }),
    (error) => error instanceof BadRequestError && error.param === "temperature",
  );
});

test("an aborted stream ends", async () => {
  const stream = await client.chat.completions.create({ ...asked, max_tokens: 400, stream: true });
  let parts = 0;
  for await (const _ of stream) {
    parts += 1;
    if (parts === 3) stream.controller.abort();
  }

  assert.ok(parts < 400);
});
