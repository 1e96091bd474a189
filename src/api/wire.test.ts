import { expect, test } from "bun:test";
import { parseJson, stringifyJson } from "../lib/json.ts";
import { ContainerConfig, ContainerCreateRequest } from "./containers.ts";
import { HostConfig } from "./host-config.ts";
import { parseWire } from "./wire.ts";

test("parseWire() fills an empty container config with Go's zero values", () => {
  const config = parseWire(ContainerConfig, {});
  expect(config.Tty).toBe(false);
  expect(config.Cmd).toBeNull();
  expect(config.Labels).toEqual({});
  expect("StopTimeout" in config).toBe(false);
});

test("parseWire() reads null as absent in every field of a container", () => {
  const keys = Object.keys(parseWire(ContainerConfig, {})).concat("Healthcheck", "StopSignal", "ExposedPorts", "Shell");
  const nulls = Object.fromEntries(keys.map((key) => [key, null]));
  expect(JSON.stringify(parseWire(ContainerConfig, nulls))).toBe(JSON.stringify(parseWire(ContainerConfig, {})));
  const host = parseWire(HostConfig, {});
  const hostNulls = Object.fromEntries(Object.keys(host).map((key) => [key, null]));
  expect(parseWire(HostConfig, hostNulls)).toEqual(host);
});

test("parseWire() takes Cmd as one string or as a list", () => {
  expect(parseWire(ContainerConfig, { Cmd: "sh", Entrypoint: ["a", "b"] })).toMatchObject({
    Cmd: ["sh"],
    Entrypoint: ["a", "b"],
  });
});

test("parseWire() ignores unknown keys and names the field that is wrong", () => {
  expect("Nope" in parseWire(ContainerConfig, { Nope: 1 })).toBe(false);
  expect(() => parseWire(ContainerCreateRequest, { HostConfig: { Memory: "much" } })).toThrow(
    /^invalid JSON: HostConfig.Memory: /,
  );
});

test("parseWire() keeps int64 exact from text to text", () => {
  const text = '{"Memory":9223372036854775807}';
  expect(stringifyJson({ Memory: parseWire(HostConfig, parseJson(text)).Memory })).toBe(text);
  expect(() => parseWire(HostConfig, parseJson('{"Memory":9223372036854775808}'))).toThrow("int64");
});

test("parseWire() keeps odd keys of maps as ordinary keys", () => {
  const parsed = parseWire(ContainerConfig, parseJson('{"Labels":{"__proto__":"x","constructor":"y"}}'));
  expect(Object.entries(parsed.Labels)).toEqual([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});
test("parseWire() gives each document its own empty maps", () => {
  const first = parseWire(ContainerConfig, {});
  first.Labels.a = "b";
  expect(parseWire(ContainerConfig, {}).Labels).toEqual({});
});
