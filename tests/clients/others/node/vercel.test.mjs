// The Vercel AI SDK through @ai-sdk/openai-compatible.
import assert from "node:assert/strict";
import test from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { z } from "zod";

const plant = createOpenAICompatible({
  name: "plant",
  baseURL: `${process.env.SEKISHO_BASE}/v1`,
  apiKey: process.env.SEKISHO_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = plant(process.env.SEKISHO_MODEL);
const asked = { model, prompt: "Say hello.", maxOutputTokens: 12, temperature: 0, maxRetries: 0 };

test("a stream says what a plain call says", async () => {
  const plain = await generateText(asked);
  const stream = streamText(asked);
  let streamed = "";
  for await (const part of stream.textStream) streamed += part;

  assert.ok(plain.text);
  assert.equal(streamed, plain.text);
  assert.ok((await stream.usage).outputTokens > 0);
});

test("an object has the shape that was asked for", async () => {
  const { output } = await generateText({
    ...asked,
    maxOutputTokens: 60,
    output: Output.object({ schema: z.object({ city: z.enum(["Paris", "Munich"]), sunny: z.boolean() }) }),
  });

  assert.ok(["Paris", "Munich"].includes(output.city));
});

test("a required tool is called, plain and streamed", async () => {
  const schema = { type: "object", properties: { city: { enum: ["Paris", "Munich"] } }, required: ["city"] };
  const options = {
    ...asked,
    maxOutputTokens: 250,
    tools: { weather: tool({ description: "The weather.", inputSchema: jsonSchema(schema) }) },
    toolChoice: { type: "tool", toolName: "weather" },
  };

  const plain = await generateText(options);
  const streamed = await streamText(options).toolCalls;

  for (const calls of [plain.toolCalls, streamed]) {
    assert.equal(calls[0].toolName, "weather");
    assert.ok(["Paris", "Munich"].includes(calls[0].input.city));
  }
});

test("many texts are embedded", async () => {
  const { embeddings } = await embedMany({
    model: plant.embeddingModel(process.env.SEKISHO_EMBEDDER),
    values: ["press", "machine"],
    maxRetries: 0,
  });

  assert.equal(embeddings.length, 2);
});

test("a refusal says what the gateway says", async () => {
  await assert.rejects(
    generateText({ ...asked, model: plant("no-such-model") }),
    (error) => error.statusCode === 404 && /no-such-model/.test(error.message),
  );
});
