import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadProject } from "../load.ts";
import { type PublishedFile, publishedFiles } from "./files.ts";

const at = mkdtempSync(join(tmpdir(), "compose-publish-"));
afterAll(() => rmSync(at, { recursive: true }));

const hash = (path: string): string => new Bun.CryptoHasher("sha256").update(join(at, path)).digest("hex");

async function published(files: Readonly<Record<string, string>>, given = ["compose.yaml"]): Promise<PublishedFile[]> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text);
  }
  const env = { KIND: "prod" };
  return publishedFiles(await loadProject({ cwd: at, env, files: given, resolveEnvironment: false }));
}

test("publishedFiles() gives files new names and leaves every other byte", async () => {
  const found = await published(
    {
      "compose.yaml": `# kept
services:
  web: {image: a, env_file: "./$KIND.env"} # kept too
  two:
    image: a
    env_file:
      - one.env   # this one
      - path: 'sub/two.env'
        required: false
      - {path: none.env, required: false}
  base: &base
    image: a
    env_file: [&name one.env]
  three:
    <<: *base
  four:
    extends: {file: sub/common.yaml, service: app}
`,
      "over.yaml": "services: {web: {extends: {service: other}}, other: {user: me, image: o}}\n",
      "prod.env": "A=1\n",
      "one.env": "B=2\n",
      "sub/two.env": "C=3\n",
      "sub/common.yaml":
        "services:\n  app:\n    extends:\n      file: ../root.yaml\n      service: top\n    env_file: two.env\n",
      "root.yaml": "services: {top: {image: b}}\n",
    },
    ["compose.yaml", "over.yaml"],
  );
  expect(found.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "compose compose.yaml",
    "compose over.yaml",
    `extended ${hash("sub/common.yaml")}.yaml`,
    `extended ${hash("root.yaml")}.yaml`,
    `env ${hash("prod.env")}.env`,
    `env ${hash("one.env")}.env`,
    `env ${hash("sub/two.env")}.env`,
  ]);
  expect(found[0]!.text).toBe(`# kept
services:
  web: {image: a, env_file: ${hash("prod.env")}.env} # kept too
  two:
    image: a
    env_file:
      - ${hash("one.env")}.env   # this one
      - path: ${hash("sub/two.env")}.env
        required: false
      - {path: ${hash("none.env")}.env, required: false}
  base: &base
    image: a
    env_file: [&name ${hash("one.env")}.env]
  three:
    <<: *base
  four:
    extends: {file: ${hash("sub/common.yaml")}.yaml, service: app}
`);
  expect(found[1]!.text).toBe("services: {web: {extends: {service: other}}, other: {user: me, image: o}}\n");
  expect(found[2]!.text).toBe(
    `services:\n  app:\n    extends:\n      file: ${hash("root.yaml")}.yaml\n      service: top\n    env_file: ${hash("sub/two.env")}.env\n`,
  );
  expect(found.slice(4).map(({ text }) => text)).toEqual(["A=1\n", "B=2\n", "C=3\n"]);
});

test("publishedFiles() refuses what others would not find", async () => {
  await expect(
    published({ "compose.yaml": "include: [inc.yaml]\n", "inc.yaml": "services: {a: {image: a}}" }),
  ).rejects.toThrow("cannot publish compose file with local includes");
  const onStdin = { cwd: at, env: {}, files: ["-"], readStdin: async () => "services: {a: {image: a}}" };
  const project = await loadProject(onStdin);
  expect(() => publishedFiles(project)).toThrow("a Compose file on standard input cannot be published");
});
