/** `--platform` where an image of one platform is here, and what pulls and pushes tell: dockerd's words, through both clients. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clients } from "../harness/daemon.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { RegistryWriter } from "../harness/registry-writer.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dir = mkdtempSync(join(tmpdir(), "dhow-platforms-"));
let registry: OwnRegistry;
/** `HOST/app`, with the tags 1 and 2 of one image. */
let app: string;

beforeAll(async () => {
  registry = await startOwnRegistry();
  app = `${registry.host}/app`;
  const image = await new RegistryWriter(registry.host).image("app", "1");
  await new RegistryWriter(registry.host).manifest("app", "2", image.bytes.toString(), image.mediaType);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const mismatch = (name: string): string =>
  `image with reference ${name} was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)`;
const layerLines = /^[0-9a-f]{12}: .*\n/gm;

test.each(clients)("%s: what is pulled again tells of no layer, and all tags have one status", async (client) => {
  const pull = async (...args: string[]) => (await daemon().run(client, "pull", ...args)).stdout;
  const first = await pull("-a", app);
  const status = (words: string, name: string): string => `Status: ${words} for ${name}\n`;
  const [digest = ""] = /sha256:[0-9a-f]{64}/.exec(first) ?? [];
  const tags = ["1", "2"].map((tag) => `${tag}: Pulling from app\nDigest: ${digest}\n`).join("");
  expect(first).toMatch(/^[0-9a-f]{12}: Pull complete$/m);
  expect(first.replaceAll(layerLines, "")).toBe(`${tags}${status("Downloaded newer image", app)}${app}\n`);
  expect(await pull("-a", app)).toBe(`${tags}${status("Image is up to date", app)}${app}\n`);
  const pinned = `${app}@${digest}`;
  expect(await pull(pinned)).toBe(
    `${pinned}: Pulling from app\nDigest: ${digest}\n${status("Image is up to date", pinned)}${pinned}\n`,
  );
  expect(await pull("--platform", "linux/arm64", `${app}:1`)).toContain(
    `${status("Image is up to date", `${app}:1`)}WARNING: ${mismatch(`${app}:1`)}\n`,
  );
  await daemon().must("rmi", `${app}:1`);
  // The image is here under its other tag: the name is what is new.
  expect(await pull(`${app}:1`)).toBe(
    `1: Pulling from app\nDigest: ${digest}\n${status("Downloaded newer image", `${app}:1`)}${app}:1\n`,
  );
  await daemon().must("rmi", `${app}:1`, `${app}:2`);
});

test.each(clients)(
  "%s: an image of another platform is neither removed, shown, saved, pushed nor loaded",
  async (client) => {
    const name = `${app}:1`;
    await daemon().must("pull", "-q", name);
    const refused = async (...args: string[]) => {
      const { code, stderr } = await daemon().run(client, ...args);
      expect({ args, code }).toEqual({ args, code: 1 });
      return stderr.replace("Error response from daemon: ", "").trim();
    };
    const archive = join(dir, `${client}.tar`);
    await daemon().must("save", "-o", archive, name);
    for (const words of [["rmi"], ["image", "inspect"], ["history"], ["push"]])
      expect(await refused(...words, "--platform", "linux/arm64", name)).toBe(mismatch(name));
    expect(await refused("rmi", "--platform", "linux/arm64", "--platform", "linux/amd64", name)).toBe(
      "multiple platforms are not supported",
    );
    expect(await refused("save", "-o", join(dir, "none.tar"), "--platform", "linux/arm64", name)).toBe(
      "no suitable export target found for platform linux/arm64",
    );
    await daemon().must("image", "inspect", name);
    expect((await daemon().run(client, "rmi", "--platform", "linux/amd64", name)).stdout).toContain("Deleted: ");
    expect(await refused("load", "-q", "--platform", "linux/arm64", "-i", archive)).toBe(
      "archive holds no image for the requested platform",
    );
    expect(await refused("image", "inspect", name)).toContain("No such image");
    expect(await daemon().run(client, "load", "-q", "--platform", "linux/amd64", "-i", archive)).toMatchObject({
      stdout: `Loaded image: ${name}\n`,
    });
    await daemon().must("rmi", name);
  },
);

/** APP is the image's name without its tag. */
const lines = `
image inspect --platform a/b/c/d APP:1
image inspect --platform amd64 -f {{.Architecture}} APP:1
history --platform a/b/c/d APP:1
history --human=false APP:1
history APP:1
images APP
rmi --platform a/b/c/d APP:1
save --platform a/b/c/d -o /dev/null APP:1
load --platform a/b/c/d
push --platform a/b/c/d APP:1
push --platform linux/amd64 APP:1
push -q --platform linux/amd64 APP:1
push -a APP
push -a -q APP
push APP:1
push APP@sha256:${"0".repeat(64)}
`;

test("both clients print the same", async () => {
  await daemon().must("pull", "-q", `${app}:1`);
  for (const line of lines.trim().split("\n")) {
    const words = line.replaceAll("APP", app).split(" ");
    const [theirs, own] = [await daemon().docker(...words), await daemon().dhow(...words)];
    expect({ line, ...own }).toEqual({ line, ...theirs });
  }
  await daemon().must("rmi", `${app}:1`);
});
