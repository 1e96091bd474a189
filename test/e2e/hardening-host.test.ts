/** Hardening, what `info` says of the host: runtimes with known defects, and protections that the kernel lacks. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";

interface Info {
  readonly SecurityOptions: readonly string[];
  readonly Warnings: readonly string[];
}

const dir = mkdtempSync(join(tmpdir(), "dhow-fake-runtimes-"));
const real = ["/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/runc"].find(existsSync) ?? "";
let daemon: TestDaemon;
let info: Info;

/** A runtime that says what it is told to of its version, and starts containers by the real one. */
function fake(name: string, says: string): string {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n[ "$1" = --version ] && { echo '${says}'; exit 0; }\nexec ${real} "$@"\n`);
  chmodSync(path, 0o755);
  return `--add-runtime=${name}=${path}`;
}

beforeAll(async () => {
  const crun = real.endsWith("crun");
  daemon = await TestDaemon.start({
    flags: [
      fake("aged", crun ? "crun version 1.8.1" : "runc version 1.1.5"),
      fake("newest", crun ? "crun version 99.1" : "runc version 99.1"),
      fake("silent", ""),
    ],
  });
  await daemon.docker("import", await busyboxTar(), "busybox");
  info = (await daemon.api<Info>("GET", "/info")).body;
}, 60_000);
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
}, 60_000);

test("hardening 80: info warns of a runtime under the floor, naming version and CVE, and the runtime still works", async () => {
  const of = (name: string) => info.Warnings.filter((warning) => warning.includes(` ${name} `));
  expect(of("aged").length).toBe(2);
  expect(of("aged").join()).toMatch(/WARNING: aged 1\.\d+\.\d+ is older than 1\.[\d.]+, which mends .*CVE-2025-\d+/);
  expect(of("newest")).toEqual([]);
  expect(of("silent")).toEqual(["WARNING: runtime silent does not tell its version"]);
  for (const client of ["dhow", "docker"] as const) {
    expect((await daemon.run(client, "info")).stderr).toContain("WARNING: aged");
    const run = await daemon.run(client, "run", "--rm", "--runtime", "aged", "busybox", "echo", "works");
    expect([run.stderr, run.stdout]).toEqual(["", "works\n"]);
  }
});

test("hardening 94: info tells what confines a container here, and warns of what does not", () => {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim() : "");
  const appArmor = read("/sys/module/apparmor/parameters/enabled") === "Y";
  expect(info.SecurityOptions).toContain("name=seccomp,profile=builtin");
  expect(info.SecurityOptions.includes("name=apparmor")).toBe(appArmor);
  const lacks = info.Warnings.includes("WARNING: No AppArmor or SELinux support in this kernel");
  expect(lacks).toBe(!appArmor && !existsSync("/sys/fs/selinux/enforce"));
  expect(info.Warnings.some((warning) => warning.startsWith("WARNING: No default AppArmor profile"))).toBe(appArmor);
});
