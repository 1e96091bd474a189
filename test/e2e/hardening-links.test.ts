/** Hardening, section B: images whose links point out of them, at the places where an engine writes and mounts. */
import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setCanary } from "../canary.ts";
import { succeed } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

/** Imports an image of busybox alone and these links, each from a path in it to one of the host. */
async function linked(name: string, links: Readonly<Record<string, string>>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "dhow-links-"));
  const root = join(dir, "root");
  mkdirSync(join(root, "bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  symlinkSync("busybox", join(root, "bin/sh"));
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
  await succeed(["tar", "-C", root, "--numeric-owner", "--owner=0", "--group=0", "-cf", join(dir, "image.tar"), "."]);
  await daemon().must("import", join(dir, "image.tar"), name);
  rmSync(dir, { recursive: true });
}

test("hardening 49: files that the engine lays over an image are its own where the image has links to the host", async () => {
  using canary = setCanary();
  const files = ["etc/hosts", "etc/resolv.conf", "etc/hostname", "etc/mtab"];
  await linked("files:1", Object.fromEntries(files.map((path) => [path, join(canary.dir, path.replace("/", "-"))])));
  await linked("secret:1", Object.fromEntries(files.map((path) => [path, canary.secret])));
  for (const image of ["files:1", "secret:1"]) {
    const shown = await daemon().dhow(
      ...["run", "--rm", "--hostname", "box", image, "sh", "-c"],
      "for f in hosts resolv.conf hostname; do busybox cat /etc/$f; done; busybox readlink /etc/mtab; echo mine >> /etc/hosts",
    );
    expect(shown.stderr).toBe("");
    expect(shown.stdout).toMatch(/127\.0\.0\.1\tlocalhost\n(?:.*\n)*box\n\/proc\/mounts\n$/);
    expect(shown.stdout).not.toContain(canary.secretText);
  }
  expect(canary.changes()).toEqual([]);
  await daemon().must("rmi", "files:1", "secret:1");
});

test("hardening 49: a /dev, /proc or /sys that is a link to the host is replaced or refused, and nothing appears there", async () => {
  using canary = setCanary();
  for (const path of ["dev", "proc", "sys", "dev/null", "dev/console", "dev/shm", "dev/pts"]) {
    await linked("nodes:1", { [path]: join(canary.dir, path === "dev/null" ? "secret" : "folder") });
    for (const more of [[], ["-t"], ["--privileged"]]) {
      const { code, stdout, stderr } = await daemon().dhow(
        ...["run", "--rm", ...more, "nodes:1", "sh", "-c"],
        "echo over > /dev/null; echo over > /dev/shm/x; busybox grep -c State /proc/self/status",
      );
      // What started has its own; what did not says why.
      if (code === 0) expect([path, stdout.trim()]).toEqual([path, "1"]);
      else expect([path, stderr]).not.toEqual([path, ""]);
    }
    expect([path, canary.changes()]).toEqual([path, []]);
    await daemon().must("rmi", "nodes:1");
  }
}, 120_000);
