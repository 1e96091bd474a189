import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfigFile } from "./config-file.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-config-file-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const field = (kind: string, key: string, type: string): string =>
  `json: cannot unmarshal ${kind} into Go struct field ConfigFile.${key} of type ${type}`;

test.each([
  ["", {}, ""],
  [" \n", {}, ""],
  ["null", {}, ""],
  ["{", {}, "unexpected EOF"],
  ["[]", {}, "json: cannot unmarshal array into Go value of type configfile.ConfigFile"],
  ['{"psFormat":5,"detachKeys":"ctrl-x"}', { detachKeys: "ctrl-x" }, field("number", "psFormat", "string")],
  ['{"auths":[],"proxies":5}', {}, field("array", "auths", "map[string]types.AuthConfig")],
  ['{"auths":{"r":7}}', {}, field("number", "auths", "types.AuthConfig")],
  ['{"HttpHeaders":{"A":true}}', {}, field("bool", "HttpHeaders", "string")],
  ['{"cliPluginsExtraDirs":{}}', {}, field("object", "cliPluginsExtraDirs", "[]string")],
  ['{"credsStore":null,"other":[1]}', { other: [1] }, ""],
])("readConfigFile() of %s", async (text, expected, why) => {
  writeFileSync(join(directory, "config.json"), text);
  const warnings: string[] = [];
  expect(await readConfigFile(directory, (warning) => warnings.push(warning))).toEqual(expected);
  expect(warnings.join("")).toBe(why && `WARNING: Error parsing config file (${directory}/config.json): ${why}\n`);
});
