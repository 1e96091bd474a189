/** `compose up -d` where there was nothing to do the last time: it looks whether anything is another than then, and no further. */
import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-settled-"));
const cache = join(dir, "cache");
const notes = join(cache, "dhow", "compose");
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();

const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);
const service = (more = ""): string => `
services:
  web: {image: "busybox:\${TAG:-latest}", command: [sleep, "1000"], stop_signal: SIGKILL, env_file: web.env${more}}
  base: {extends: {file: base.yaml, service: base}}
`;

async function compose(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await run([dhowBinary, "compose", "-p", "settled", ...words], {
    cwd: dir,
    env: { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0", XDG_CACHE_HOME: cache, ...env },
  });
  if (code !== 0) throw new Error(`${words.join(" ")} -> ${code}\n${stderr}\n${daemon().lastLogged()}`);
  return stdout + stderr;
}
const up = (env: Readonly<Record<string, string>> = {}) => compose(["up", "-d"], env);
const running = " Container settled-base-1  Running\n Container settled-web-1  Running\n";

/** The first makes, and notes that there is nothing more to do. */
async function settle(): Promise<void> {
  rmSync(notes, { recursive: true, force: true });
  write("compose.yaml", service());
  write("base.yaml", 'services: {base: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL}}\n');
  write("web.env", "A=1\n");
  write(".env", "");
  await up();
  expect(readdirSync(notes)).toHaveLength(1);
}
const note = (): string => join(notes, readdirSync(notes)[0] ?? "");

test("what nothing was done for is looked at and not read again, and told alike", async () => {
  await settle();
  expect(await up()).toBe(running);
  expect(statSync(note()).mode & 0o777).toBe(0o600);
  // That the note is what is told from shows that it was used.
  writeFileSync(note(), readFileSync(note(), "utf8").replace('"settled-web-1"]', '"another"]'));
  expect(await up()).toContain("another  Running");
});

test("it holds no value of the environment and no text of the files", async () => {
  rmSync(notes, { recursive: true, force: true });
  write("web.env", "A=hidden-in-file\n");
  const env = { HIDDEN: "hidden-in-shell" };
  await up(env);
  await up(env);
  expect(readFileSync(note(), "utf8")).not.toContain("hidden");
});

const changes: Readonly<Record<string, () => unknown>> = {
  "the Compose file": () => write("compose.yaml", service(", labels: {a: b}")),
  "a file that a service has its variables from": () => write("web.env", "A=2\n"),
  "the file that a service extends": () =>
    write("base.yaml", 'services: {base: {image: busybox, command: [sleep, "2000"], stop_signal: SIGKILL}}\n'),
  "an override file that was not there": () =>
    write("compose.override.yaml", "services: {web: {environment: [B=1]}}\n"),
  "a container that has ended": () => daemon().must("kill", "settled-web-1"),
  "a container that was removed": () => daemon().must("rm", "-f", "settled-base-1"),
  "a container that was stopped": () => daemon().must("stop", "settled-base-1"),
  "an image that got its name": async () => {
    await daemon().must("run", "--name", "other", "busybox", "touch", "/new");
    await daemon().must("commit", "other", "busybox:latest");
    await daemon().must("rm", "other");
  },
};

test.each(Object.keys(changes))("%s is seen", async (what) => {
  await settle();
  await changes[what]?.();
  expect(await up()).toMatch(/ (Recreated|Started|Created)\n/);
  rmSync(join(dir, "compose.override.yaml"), { force: true });
});

test("a variable of the shell and one of .env are seen", async () => {
  await settle();
  await daemon().must("tag", "busybox", "busybox:two");
  expect(await up({ TAG: "two" })).toContain("settled-web-1  Recreated");
  await settle();
  write(".env", "TAG=two\n");
  expect(await up()).toContain("settled-web-1  Recreated");
});

test("a file from a pipe is read each time", async () => {
  const piped = async (command: string): Promise<string> => {
    const text = service().replace('"1000"', JSON.stringify(command));
    const words = `printf %s "$TEXT" | "${dhowBinary}" compose -p settled -f /dev/stdin --project-directory . up -d`;
    const { code, stderr } = await run(["bash", "-c", words], {
      cwd: dir,
      env: {
        TEXT: text,
        DOCKER_HOST: `unix://${daemon().socket}`,
        DHOW_AUTOSTART: "0",
        XDG_CACHE_HOME: cache,
      },
    });
    if (code !== 0) throw new Error(stderr);
    return stderr;
  };
  rmSync(notes, { recursive: true, force: true });
  await piped("1100");
  await piped("1100");
  expect(await piped("1100")).toContain("settled-web-1  Running");
  expect(existsSync(notes) ? readdirSync(notes) : []).toEqual([]);
});

test("where nothing can be kept, up does as ever", async () => {
  mkdirSync(join(dir, "no"), { recursive: true });
  writeFileSync(join(dir, "no", "cache"), "a file");
  const env = { XDG_CACHE_HOME: join(dir, "no", "cache") };
  await up(env);
  expect(await up(env)).toBe(running);
  await compose(["down", "-t", "0"]);
});
