import { expect, test } from "bun:test";
import { diffConfigs, entryChanges } from "./config-diff.ts";
import { configText } from "./diff-text.ts";

test("diffConfigs() counts what is empty as absent, and does not mind the order of keys", () => {
  const before = { Os: "linux", Author: "", Config: { Env: null, Labels: { a: "1", b: "2" }, User: "" } };
  const after = { Os: "linux", Config: { Labels: { b: "2", a: "1" }, Volumes: {}, Tty: false } };
  expect(diffConfigs(before, after)).toEqual([]);
  expect(configText([])).toBe("Configuration: the same\n");
});

test("entryChanges() tells variables and entries of maps one by one, other lists as a whole", () => {
  const [cmd, env, ports] = diffConfigs(
    { Config: { Env: ["A=1", "B=1"], Cmd: ["a"], ExposedPorts: { "80/tcp": {} } } },
    { Config: { Env: ["A=2", "B=1"], Cmd: ["b"], ExposedPorts: { "81/tcp": {} } } },
  );
  expect(entryChanges(cmd!)).toBeNull();
  expect(entryChanges(env!)).toEqual({ added: ["A=2"], removed: ["A=1"] });
  expect(entryChanges(ports!)).toEqual({ added: ["81/tcp"], removed: ["80/tcp"] });
  expect(configText([cmd!, env!])).toBe('Configuration:\n  Cmd: ["a"] -> ["b"]\n  Env: - A=1\n  Env: + A=2\n');
});

test("configText() shows a terminal nothing that steers it", () => {
  expect(configText([{ field: "Config.Env", before: null, after: ["A=\x1b[2J"] }])).toContain("A=\\x1b[2J");
  expect(configText([{ field: "Config.User", before: "\u202e", after: null }])).toContain("User: \\u{202e} -> none");
});
