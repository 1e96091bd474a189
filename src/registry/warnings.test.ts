import { expect, test } from "bun:test";
import { startRegistry } from "../../test/fixtures/registry.ts";
import { RegistryClient } from "./client.ts";
import { warningTexts } from "./warnings.ts";

test("warningTexts() reads what the specification's warnings say, several in one value", () => {
  expect(warningTexts('299 - "goes away, \\"soon\\""')).toEqual(['goes away, "soon"']);
  expect(warningTexts('299 - "one", 299 - "two, three", 299 - "one"')).toEqual(["one", "two, three"]);
  expect(warningTexts(null)).toEqual([]);
});

test("warningTexts() leaves out other codes and agents, broken values and what steers a terminal", () => {
  expect(warningTexts('199 - "old", 299 cache.example "theirs", 299 - "ours"')).toEqual(["ours"]);
  for (const bad of ["299", '299 - "', '299 - ""', "299 - text", '299 "x"']) expect(warningTexts(bad)).toEqual([]);
  expect(warningTexts('299 - "\x1b[2Jx\u202e"')).toEqual(["?[2Jx?"]);
  expect(warningTexts(`299 - "${"x".repeat(5000)}"`)).toEqual([]);
  expect(warningTexts(Array.from({ length: 50 }, (_, i) => `299 - "${i}"`).join(", "))).toHaveLength(10);
});

test("a client tells of each warning once, whatever the answer's status", async () => {
  await using registry = await startRegistry();
  let said = '299 - "first"';
  registry.fault = (_request, response) => {
    response.setHeader("warning", said);
    return false;
  };
  const told: string[] = [];
  const options = { domain: registry.host, insecure: [registry.host], auth: undefined };
  const client = new RegistryClient({ ...options, onWarning: (text) => told.push(text) });
  const ask = () => client.manifest("a/b", "1", 1000, AbortSignal.timeout(5000)).catch(() => null);
  await ask();
  said = '299 - "first", 299 - "second"';
  await ask();
  expect(told).toEqual(["first", "second"]);
});
