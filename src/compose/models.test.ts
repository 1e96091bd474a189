import { expect, test } from "bun:test";
import { loadProject } from "./load.ts";
import { availableModels, configureWords, modelEndpoint, withModelVariables } from "./models.ts";

const text = `
services:
  short: {image: a, models: [llm, tiny-one]}
  long:
    image: a
    environment: {LLM_URL: mine}
    models:
      llm: {endpoint_var: AI_URL, model_var: AI_NAME}
      tiny-one:
  none: {image: a}
models:
  llm: {model: ai/big, context_size: 1024, runtime_flags: [--a, -b]}
  tiny-one: {model: ai/tiny, name: tiny}
`;
const project = await loadProject({ cwd: "/", env: {}, files: ["-"], projectName: "p", readStdin: async () => text });

test("withModelVariables() tells services what their models are called and where they are", () => {
  const { services } = withModelVariables(project, "http://e/v1");
  expect(services.short?.environment).toEqual({
    LLM_MODEL: "ai/big",
    LLM_URL: "http://e/v1",
    TINY_ONE_MODEL: "ai/tiny",
    TINY_ONE_URL: "http://e/v1",
  });
  expect(services.long?.environment).toEqual({
    LLM_URL: "mine",
    AI_NAME: "ai/big",
    AI_URL: "http://e/v1",
    TINY_ONE_MODEL: "ai/tiny",
    TINY_ONE_URL: "http://e/v1",
  });
  expect(services.none?.environment).toBeUndefined();
});

test("the plugin is spoken to in its words", () => {
  expect(configureWords(project.models.llm!)).toEqual([
    "configure",
    "--context-size",
    "1024",
    "ai/big",
    "--",
    "--a",
    "-b",
  ]);
  expect(configureWords(project.models["tiny-one"]!)).toEqual(["configure", "ai/tiny"]);
  expect([...availableModels('[{"id":"1","tags":["a","b"]},{"id":"2","tags":null},null]')]).toEqual(["a", "b"]);
  expect(modelEndpoint('{"running":true,"endpoint":"http://e"}')).toBe("http://e");
  expect(() => modelEndpoint("not json")).toThrow("status answered no JSON: not json");
});
