// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are HCL, which fills them in itself.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { define, readBakeSource } from "./definition.ts";
import { readBakeFiles } from "./files.ts";
import { readOverrides } from "./overrides.ts";
import { printed } from "./print.ts";
import { resolve } from "./resolve.ts";
import { targetSettings } from "./target.ts";

const options = { push: false, load: false, sbom: "", provenance: "", allow: [] };
const directory = mkdtempSync(join(tmpdir(), "dhow-bake-"));
afterAll(() => rmSync(directory, { recursive: true }));

const json = {
  variable: { TAG: { default: "v1" } },
  group: { default: { targets: ["a", "m"] } },
  target: {
    base: { dockerfile: "Dockerfile", args: { A: "1" }, tags: ["x:${TAG}"] },
    a: {
      inherits: ["base"],
      args: { B: "2" },
      platforms: ["linux/amd64"],
      output: ["type=docker"],
      secret: ["id=s,env=HOME"],
      "cache-from": ["type=registry,ref=foo"],
    },
    m: {
      inherits: ["base"],
      name: "m-${v}",
      matrix: { v: ["1", "2"] },
      target: "one",
      args: { V: "${v}" },
      tags: ["m:${v}"],
    },
  },
};

/** The same as `json`, in the native syntax. */
const hcl = `
variable "TAG" { default = "v1" }
group "default" { targets = ["a", "m"] }
target "base" {
  dockerfile = "Dockerfile"
  args = { A = "1" }
  tags = ["x:\${TAG}"]
}
target "a" {
  inherits = ["base"]
  args = { B = 2 }
  platforms = ["linux/amd64"]
  output = ["type=docker"]
  secret = ["id=s,env=HOME"]
  cache-from = ["type=registry,ref=foo"]
}
target "m" {
  inherits = ["base"]
  name = "m-\${v}"
  matrix = { v = ["1", "2"] }
  target = "one"
  args = { V = v }
  tags = ["m:\${v}"]
}
`;

/** What buildx 0.29.1 prints of it. */
const golden = {
  group: { default: { targets: ["a", "m"] }, m: { targets: ["m-1", "m-2"] } },
  target: {
    a: {
      context: ".",
      dockerfile: "Dockerfile",
      args: { A: "1", B: "2" },
      tags: ["x:v1"],
      "cache-from": [{ ref: "foo", type: "registry" }],
      secret: [{ id: "s", env: "HOME" }],
      platforms: ["linux/amd64"],
      output: [{ type: "docker" }],
    },
    "m-1": { context: ".", dockerfile: "Dockerfile", args: { A: "1", V: "1" }, tags: ["m:1"], target: "one" },
    "m-2": { context: ".", dockerfile: "Dockerfile", args: { A: "1", V: "2" }, tags: ["m:2"], target: "one" },
  },
};

const text = JSON.stringify(json);
const sourceOf = (): ReturnType<typeof readBakeSource> => readBakeSource("bake.json", text, true);

test.each([
  ["JSON", text, true],
  ["HCL", hcl, false],
])("bake --print of %s is that of buildx", (_, source, isJson) => {
  const definition = define([readBakeSource("bake", source, isJson)], {});
  expect(printed(resolve(definition, [], []), false)).toBe(`${JSON.stringify(golden, null, 2)}\n`);
});

test("variables of the environment and --set stand above the file", () => {
  const definition = define([sourceOf()], { TAG: "v3" });
  const overrides = readOverrides(["a.args.Z=1", "*.tags=new", "a.platform=linux/arm64", "a.tags+=more"]);
  const { groups, targets } = resolve(definition, ["a"], overrides);
  expect([...groups]).toEqual([["default", ["a"]]]);
  expect(targets.get("a")).toMatchObject({
    args: { A: "1", B: "2", Z: "1" },
    tags: ["new", "more"],
    platforms: ["linux/arm64"],
  });
});

test.each([
  [["nope.tags=x"], "could not find any target matching 'nope'"],
  [["a.nope=x"], "unknown key: nope"],
  [["a"], "invalid override a"],
  [["a.pull=x"], "invalid value x for boolean key pull"],
])("--set %j is refused: %s", (settings, message) => {
  expect(() => resolve(define([sourceOf()], {}), [], readOverrides(settings))).toThrow(message);
});

test.each([
  ['{"target": {"a": {"nope": 1}}}', 'bake.json:1,1: a target has no "nope"'],
  ['{"group": {"default": {"targets": ["a"]}}}', "failed to find target a"],
  ['{"group": {"default": {"targets": ["default"]}}}', 'the group "default" contains itself'],
  ['{"target": {"default": {"inherits": ["b"]}, "b": {"inherits": ["default"]}}}', "inherits from itself"],
  ['{"target": {"default": {"tags": ["${NO}"]}}}', 'there is no variable "NO"'],
  ["{", "bake.json"],
])("%s is refused: %s", (source, message) => {
  expect(() => resolve(define([readBakeSource("bake.json", source, true)], {}), [], [])).toThrow(message);
});

test("a mistake in HCL is told with its line and column", () => {
  expect(() => readBakeSource("x.hcl", 'target "a" {\n  tags = [\n  "t"\n  =]\n}', false)).toThrow(
    /^x\.hcl:4,3: "\]" expected/,
  );
});

test("a function of the file's own is called with its arguments", () => {
  const source =
    'function "twice" {\n params = [s]\n result = "${s}${s}"\n}\ntarget "default" {\n tags = [twice("ab")]\n}';
  expect(define([readBakeSource("f.hcl", source, false)], {}).targets.get("default")).toEqual({ tags: ["abab"] });
});

test("build sections of a Compose file are targets", async () => {
  const file = join(directory, "compose.yaml");
  writeFileSync(
    file,
    `services:
  web:
    image: web:\${DHOW_TEST_VERSION:-1}
    build: {context: ., args: {A: "\${DHOW_TEST_X:-y}"}, target: one, secrets: [s], x-bake: {platforms: [linux/amd64]}}
  db: {image: foo}
  api.v2:
    build: ./sub
secrets:
  s: {environment: HOME}
`,
  );
  const { groups, targets } = resolve(define(await readBakeFiles([file]), {}), [], []);
  expect(groups.get("default")).toEqual(["api_v2", "web"]);
  expect(targets.get("web")).toEqual({
    context: ".",
    args: { A: "y" },
    target: "one",
    secret: ["id=s,env=HOME"],
    platforms: ["linux/amd64"],
    tags: ["web:1"],
  });
});

test("targetSettings() reads tables as well as texts, and names what has a wrong form", () => {
  const settings = targetSettings(
    "a",
    {
      output: [{ type: "local", dest: "out" }],
      secret: [{ id: "s", env: "HOME" }],
      "cache-to": ["type=inline"],
      ulimits: ["nofile=5"],
    },
    { ...options, push: true },
  );
  expect(settings.outputs).toEqual([
    { type: "local", attrs: {}, destination: { kind: "directory", path: "out" } },
    { type: "image", attrs: { push: "true" }, destination: null },
  ]);
  expect(settings.secrets).toEqual([{ id: "s", from: { env: "HOME" } }]);
  expect(settings.ulimits).toEqual(["nofile=5:5"]);
  expect(() => targetSettings("a", { tags: [[1]] }, options)).toThrow("target a: tags: a text expected");
});

test("bake --print of what is asked for, escaped, linked and lent is that of buildx 0.29.1", () => {
  const source = `
variable "P" {
  default = "x"
  validation {
    condition = P != ""
    error_message = "P is empty"
  }
}
function "joined" {
  params = [sep]
  variadic_params = items
  result = join(sep, items)
}
group "default" { targets = ["default", "b"] }
target "default" {
  description = "first"
  dockerfile-inline = "FROM x"
  contexts = { src = "target:lent" }
  args = { a = "$\${X}", b = try(nosuch, joined("+", 1, 2)), c = can(nosuch) }
  ssh = ["default", "k=/tmp/k,/tmp/l"]
  secret = ["type=env,id=X"]
  output = ["type=local,dest=o"]
}
target "b" { args = target.default.contexts }
target "lent" {}
`;
  const read = (environment: Record<string, string>) =>
    define([readBakeSource("bake.hcl", source, false)], environment);
  expect(JSON.parse(printed(resolve(read({}), [], []), false))).toEqual({
    group: { default: { targets: ["b", "default"] } },
    target: {
      b: { context: ".", dockerfile: "Dockerfile", args: { src: "target:lent" } },
      default: {
        description: "first",
        context: ".",
        contexts: { src: "target:lent" },
        dockerfile: "Dockerfile",
        "dockerfile-inline": "FROM x",
        args: { a: "$${X}", b: "1+2", c: "false" },
        secret: [{ id: "X" }],
        ssh: [{ id: "default" }, { id: "k", paths: ["/tmp/k", "/tmp/l"] }],
        output: [{ dest: "o", type: "local" }],
      },
      lent: { context: ".", dockerfile: "Dockerfile", output: [{ type: "cacheonly" }] },
    },
  });
  expect(() => read({ P: "" })).toThrow("validation of the variable P failed: P is empty");
});
