import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, OciRuntimes, versionWarnings } from "./oci-runtime.ts";

const base = mkdtempSync(join(tmpdir(), "dhow-runtimes-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A program that says `crun` and refuses to start anything, counting how often it was asked. */
function refusing(name: string): string {
  const path = join(base, name);
  const asked = join(base, `${name}.asked`);
  writeFileSync(
    path,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo "crun version 9.9"; exit 0; fi\necho x >> ${asked}\necho refused >&2; exit 1\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

test.each([
  ["runc", "1.1.5+ds1", 3],
  ["runc", "1.1.13", 2],
  ["runc", "1.3.6", 0],
  ["runc", "1.3.10", 0],
  ["runc", "1.4.0", 1],
  ["runc", "1.4.3", 0],
  ["crun", "1.8.1", 2],
  ["crun", "1.28", 1],
  ["crun", "1.30", 0],
  ["crun", "", 1],
])("versionWarnings() of %s %s are %i", (kind, version, count) => {
  expect(versionWarnings(kind, kind, version).length).toBe(count);
});

test("discover() tries a runtime once, keeps the outcome, and names what is not there in Docker's words", async () => {
  const path = refusing("fake");
  const logged: string[] = [];
  const options = {
    execRoot: join(base, "exec"),
    configured: { fake: path },
    preferred: "fake",
    log: (message: string) => logged.push(message),
  };
  const first = await OciRuntimes.discover(options);
  expect(first.get("").failure).toBe("refused");
  expect(first.get("fake")).toMatchObject({ kind: "crun", version: "9.9", path });
  expect(() => first.get("nope")).toThrow("unknown or invalid runtime name: nope");
  expect(logged.some((message) => message.includes("fake does not start a container here: refused"))).toBe(true);
  const asked = await Bun.file(join(base, "fake.asked")).text();
  await OciRuntimes.discover(options);
  expect(await Bun.file(join(base, "fake.asked")).text()).toBe(asked);
  await expect(OciRuntimes.discover({ ...options, preferred: "nope" })).rejects.toThrow(
    "specified default runtime 'nope' does not exist",
  );
});

test("discover() keeps a runtime that is not there beside the others, and says so", async () => {
  const logged: string[] = [];
  const execRoot = join(base, "exec-missing");
  const log = (message: string) => void logged.push(message);
  const configured = { gone: "/nope/runtime", fake: refusing("present") };
  const runtimes = await OciRuntimes.discover({ execRoot, configured, preferred: "fake", log });
  expect(runtimes.get("fake").version).toBe("9.9");
  expect(runtimes.get("gone").failure).toBe("exec /nope/runtime: no such file or directory");
  const words = "runtime gone cannot be executed: exec /nope/runtime: no such file or directory";
  expect(logged).toContain(words);
  expect(runtimes.warnings()).toContain(`WARNING: ${words}`);
});

test.if(process.getuid?.() === 0 && existsSync("/bin/busybox") && findProgram("crun") !== undefined)(
  "discover() finds that crun really starts a container here",
  async () => {
    const runtimes = await OciRuntimes.discover({
      execRoot: join(base, "real"),
      configured: {},
      preferred: undefined,
      log: () => {},
    });
    expect(runtimes.get("crun").failure).toBeNull();
    expect(runtimes.defaultName).toBe("crun");
  },
);
