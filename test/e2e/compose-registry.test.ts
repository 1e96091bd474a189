/** `compose` and a registry: what is built is pushed, what lacks is pulled, by the policies of the file. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness } from "../harness/command.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-compose-registry-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
const minute = 60_000 * slowness;
let registry: OwnRegistry;
beforeAll(async () => {
  registry = await startOwnRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

const write = (yaml: string): void => writeFileSync(join(dir, "compose.yaml"), yaml);
const compose = (...args: string[]) => daemon().dhow("compose", "-f", join(dir, "compose.yaml"), "-p", "cr", ...args);
async function ok(...args: string[]): Promise<string[]> {
  const { code, stderr } = await compose(...args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stderr
    .trimEnd()
    .split("\n")
    .map((line) => line.trim());
}
const inline = (text: string) => `dockerfile_inline: "FROM busybox\\nLABEL of=${text}\\n"`;
const image = (name: string) => `${registry.host}/${name}`;
const sleeper = `init: true, command: [sleep, "1000"], stop_grace_period: 0s`;
const digest = async (name: string) =>
  (await fetch(`http://${registry.host}/v2/${name.replace(":", "/manifests/")}`, { method: "HEAD" })).headers.get(
    "docker-content-digest",
  );
const label = async () => (await daemon().must("inspect", "-f", "{{.Config.Labels.of}}", "cr-a-1")).trim();
/** Puts an image with that label under the name, in the registry or here. */
async function make(of: string, push: boolean): Promise<void> {
  write(`services: {a: {image: ${image("app:1")}, build: {${inline(of)}}}}\n`);
  await ok("build", "--quiet", ...(push ? ["--push"] : []));
}

test(
  "build --push and push send every name of an image, pull brings it back",
  async () => {
    write(
      `services:\n  a: {image: ${image("app:1")}, build: {${inline("one")}, tags: ["${image("app:more")}"]}}\n  plain: {image: busybox}\n  unnamed: {build: {${inline("two")}}}\n`,
    );
    await ok("build", "--push", "a");
    const first = await digest("app:1");
    expect(first).toMatch(/^sha256:/);
    expect(await digest("app:more")).toBe(first);
    write(`services: {a: {image: ${image("app:1")}, build: {${inline("three")}}}, plain: {image: busybox}}\n`);
    await ok("build", "--quiet");
    expect(await ok("push")).toContain("a  Pushed");
    expect(await digest("app:1")).not.toBe(first);
    await daemon().must("rmi", image("app:1"), image("app:more"));
    expect(await ok("pull", "a")).toContain("a  Pulled");
    expect((await daemon().must("image", "inspect", "-f", "{{.Config.Labels.of}}", image("app:1"))).trim()).toBe(
      "three",
    );
    const absent = `services: {a: {image: ${image("none:1")}}, b: {image: ${image("app:1")}}}\n`;
    write(absent);
    const refused = await compose("pull");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("none");
    expect(await ok("pull", "--ignore-pull-failures")).toContain("b  Pulled");
    await daemon().must("rmi", image("app:1"));
  },
  minute,
);

test(
  "each pull policy asks the registry when it says so",
  async () => {
    const up = async (policy: string, ...flags: string[]): Promise<string> => {
      write(`services: {a: {image: ${image("app:1")}, pull_policy: ${policy}, ${sleeper}}}\n`);
      const { code, stderr } = await compose("up", "-d", ...flags);
      return code === 0 ? label() : stderr;
    };
    await make("away", true);
    await make("here", false);
    expect(await up("missing")).toBe("here");
    expect(await up("never")).toBe("here");
    expect(await up("if_not_present")).toBe("here");
    expect(await up("daily")).toBe("here");
    expect(await up("every_1h")).toBe("here");
    expect(await up("every_1h", "--pull", "never")).toBe("here");
    expect(await up("always")).toBe("away");
    await make("newer", true);
    await make("here", false);
    expect(await up("weekly", "--pull", "always")).toBe("newer");
    await make("newest", true);
    await make("here", false);
    await Bun.sleep(1000);
    expect(await up("every_1s")).toBe("newest");
    await ok("down");
    await daemon().must("rmi", image("app:1"));
    expect(await up("never")).toContain(`No such image: ${image("app:1")}`);
    expect(await up("missing")).toBe("newest");
    await ok("down");
  },
  minute,
);

test(
  "what can be built is built when the registry has it not, and one service runs what another builds",
  async () => {
    write(
      `services:\n  a: {image: ${image("own:1")}, build: {${inline("own")}}, pull_policy: always, ${sleeper}}\n  b: {image: ${image("own:1")}, ${sleeper}}\n`,
    );
    const lines = await ok("up", "-d");
    expect(lines).toContain("a  Warning");
    expect(lines).toContain("Container cr-b-1  Started");
    expect(await label()).toBe("own");
    await ok("down", "--rmi", "all");
    write(
      `services:\n  a: {image: ${image("own:1")}, build: {${inline("own")}}, ${sleeper}}\n  b: {image: ${image("own:1")}, ${sleeper}}\n`,
    );
    expect((await ok("up", "-d")).filter((line) => /Pull/.test(line))).toEqual([]);
    await ok("down", "--rmi", "all");
  },
  minute,
);

test(
  "an image of another platform than the service's counts as absent",
  async () => {
    await make("host", true);
    write(`services: {a: {image: ${image("app:1")}, platform: linux/arm64, ${sleeper}}}\n`);
    const { code, stderr } = await compose("up", "-d");
    expect(code).toBe(1);
    expect(stderr).toContain("a  Pulling");
    write(`services: {a: {image: ${image("app:1")}, platform: linux/amd64, ${sleeper}}}\n`);
    expect((await ok("up", "-d")).filter((line) => /Pull/.test(line))).toEqual([]);
    await ok("down", "--rmi", "all");
  },
  minute,
);
