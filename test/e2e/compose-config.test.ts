/** `compose config` of the compiled binary, without a daemon: the bytes of Docker's Compose 2.40, as they were recorded. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";

const golden = resolve(import.meta.dir, "../../src/compose/golden");
const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

const modes: Readonly<Record<string, readonly string[]>> = {
  yaml: [],
  json: ["--format", "json"],
  hash: ["--hash", "*"],
  images: ["--images"],
  services: ["--services"],
};

/** For the place where it was recorded; digests tell of that place, and lists have no order. */
function comparable(mode: string, text: string, folder: string): string {
  const moved = text.replaceAll(folder, "/project");
  if (mode === "yaml" || mode === "json") return moved;
  return moved
    .replace(/[0-9a-f]{64}/g, "…")
    .trimEnd()
    .split("\n")
    .sort()
    .join("\n");
}

test.each(["merge", "env-files", "resources"])(
  "config prints the project %s as Docker's Compose does",
  async (name) => {
    const folder = join(golden, name);
    const words = read(join(folder, "args")).split(/\s+/).filter(Boolean);
    // The folder's own name was the project's, but for those that give one.
    const named = name === "merge" ? [] : ["-p", "project"];
    const variables = read(join(folder, "env")).split("\n").filter(Boolean);
    const env = Object.fromEntries(variables.map((line) => line.split("=", 2)));
    for (const [mode, flags] of Object.entries(modes)) {
      const { code, stdout, stderr } = await run([dhowBinary, "compose", ...named, ...words, "config", ...flags], {
        cwd: folder,
        env: {
          HOME: "/home/user",
          PATH: process.env.PATH ?? "",
          DHOW_AUTOSTART: "0",
          DOCKER_HOST: "unix:///nowhere",
          ...env,
        },
      });
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      expect(comparable(mode, stdout, folder)).toBe(comparable(mode, read(join(folder, "expected", mode)), folder));
    }
  },
);

test("config tells all that is wrong, with file, line, column and path, and exits with 1", async () => {
  const text = "services:\n  web:\n    image: x\n    prots: [1]\n    replicas: 3\n";
  const { code, stdout, stderr } = await run([dhowBinary, "compose", "-f", "-", "config"], {
    stdin: text,
    env: { HOME: "/home/user", PATH: process.env.PATH ?? "", DHOW_AUTOSTART: "0", DOCKER_HOST: "unix:///nowhere" },
  });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("4:5");
  expect(stderr).toContain("services.web");
  expect(stderr).toContain("prots");
  expect(stderr).toContain("5:5");
});
