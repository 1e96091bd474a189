/**
 * RUN for another platform by an interpreter that is registered with binfmt_misc. The one here, for LoongArch, only says what it
 * was asked to run: that it was reached in the build's own root is what is to be seen.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Control } from "../../src/api/buildkit/control.ts";
import { GrpcClient } from "../../src/lib/grpc/client.ts";
import { run } from "../harness/command.ts";
import { upgraded } from "../harness/upgraded.ts";
import { withDaemon } from "./fixture.ts";

const registry = "/proc/sys/fs/binfmt_misc";
const name = `dhow-test-${process.pid}`;
const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-foreign-"));
let isMounted = false;
let why = "";

beforeAll(async () => {
  if (!existsSync(join(registry, "register"))) {
    const mounted = await run(["mount", "-t", "binfmt_misc", "binfmt_misc", registry]);
    isMounted = mounted.code === 0;
    if (!isMounted) why = `binfmt_misc cannot be mounted: ${mounted.stderr.trim()}`;
  }
  if (why !== "") return console.log(`${why}: builds for foreign platforms are skipped`);
  // Busybox goes by the name that it is called by.
  copyFileSync("/bin/busybox", join(root, "echo"));
  const magic = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x02\x01`;
  writeFileSync(join(registry, "register"), `:${name}:M::${magic}::${join(root, "echo")}:F`);
});
afterAll(async () => {
  if (existsSync(join(registry, name))) writeFileSync(join(registry, name), "-1");
  if (isMounted) await run(["umount", registry]);
  rmSync(root, { recursive: true });
});

test("a foreign platform's RUN goes through its interpreter, and builders list it", async () => {
  if (why !== "") return;
  const context = join(root, "context");
  mkdirSync(context);
  const program = Buffer.alloc(64);
  program.write("\x7fELF\x02\x01\x01", "latin1");
  program.set([2, 0, 2, 1], 16);
  writeFileSync(join(context, "sh"), program, { mode: 0o755 });
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY --chmod=755 sh /bin/sh\nRUN hello there\n");
  const args = ["--progress=plain", "--platform", "linux/loong64", "-t", "foreign", context];
  const built = await daemon().dhow("build", ...args);
  expect([built.code, built.stderr]).toEqual([0, expect.stringMatching(/#\d+ [\d.]+ \/bin\/sh -c hello there\n/)]);
  expect(await daemon().must("inspect", "-f", "{{.Architecture}}", "foreign")).toBe("loong64\n");
  await using client = new GrpcClient(await upgraded(daemon().socket, "/grpc"));
  const { record } = await client.call(Control.ListWorkers, {});
  expect(record[0]?.platforms.map(({ architecture }) => architecture)).toContain("loong64");
  writeFileSync(join(registry, name), "0");
  const refused = await daemon().dhow("build", "--no-cache", ...args);
  expect(refused.stderr).toContain("cannot run programs of linux/loong64");
});
