/** Hardening, section B, what concerns mounts that others change meanwhile, and what a mount lets through. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MNT_DETACH, mount, unmount } from "../../src/linux/mount.ts";
import { setCanary } from "../canary.ts";
import { slowness } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const d = (...args: string[]) => daemon().dhow(...args);

/** Starts of each of two containers. */
const rounds = 50;

/** Why the runtime cannot pass; null when it can. runc before 1.1.14 follows the swapped link (CVE-2024-45310): the engine is not in that race. */
function whyNot(runtime: string): string | null {
  if (Bun.which(runtime) === null) return `no ${runtime} on this host`;
  const version = /runc version ([\d.]+)/.exec(Bun.spawnSync([runtime, "--version"]).stdout.toString())?.[1];
  const isOld = version !== undefined && Bun.semver.order(version, "1.1.14") < 0;
  return isOld ? `runc ${version} makes directories on the host in this race (CVE-2024-45310, mended in 1.1.14)` : null;
}

describe.each(["crun", "runc"])("with %s", (runtime) => {
  const why = whyNot(runtime);
  if (why !== null) console.warn(why);

  test.skipIf(why !== null)(
    "hardening 45: containers that race for nested destinations in one volume make nothing on the host",
    async () => {
      using canary = setCanary();
      const swap = `cd /v; while :; do mkdir -p a; rm -rf a; ln -s ${canary.dir} a; rm -f a; ln -s ../../../../../..${canary.dir} a; rm -f a; done`;
      await d("run", "-d", "--name", "racer", "-v", "raced:/v", "busybox", "sh", "-c", swap);
      const nested = ["-v", "raced:/v", "-v", "inner:/v/a/new", "-v", `${canary.secret}:/v/a/file:ro`];
      const start = async (name: string): Promise<number> => {
        await d("create", "--runtime", runtime, "--name", name, ...nested, "busybox", "true");
        let started = 0;
        for (let round = 0; round < rounds; round++) if ((await d("start", "-a", name)).code === 0) started++;
        return started;
      };
      const started = await Promise.all([start("one"), start("two")]);
      expect(canary.changes()).toEqual([]);
      // Some must have come as far as mounting, or nothing was tried.
      expect(started[0] + started[1]).toBeGreaterThan(0);
      await d("rm", "-f", "racer", "one", "two");
      await d("volume", "rm", "raced", "inner");
    },
    300_000 * slowness,
  );
});

describe.each([...clients])("through %s", (client) => {
  const inside = async (script: string, ...flags: string[]) => {
    const { stdout, stderr } = await daemon().run(client, "run", "--rm", ...flags, "busybox", "sh", "-c", script);
    return `${stdout}${stderr}`.trim();
  };

  test("hardening 47: a tmpfs holds its size, and runs, owns and opens nothing", async () => {
    const fill = "dd if=/dev/zero of=/t/f bs=1024 count=2048 2>&1 | grep -o 'No space left on device'; stat -c %s /t/f";
    for (const flags of [
      ["--tmpfs", "/t:size=1m"],
      ["--mount", "type=tmpfs,dst=/t,tmpfs-size=1m"],
    ]) {
      expect(await inside(fill, ...flags)).toBe("No space left on device\n1048576");
      expect(await inside("cp /bin/busybox /t/sh; /t/sh true", "--tmpfs", "/t")).toContain("Permission denied");
      const words = await inside("grep ' /t ' /proc/mounts", ...flags);
      for (const word of ["nosuid", "nodev", "noexec"]) expect(words).toContain(word);
    }
  });

  test("hardening 47: read-only reaches what is mounted in the source, and mounts pass in neither direction", async () => {
    const source = mkdtempSync(join(tmpdir(), "dhow-ro-"));
    mkdirSync(join(source, "sub"));
    mkdirSync(join(source, "late"));
    mount("tmpfs", join(source, "sub"), "tmpfs", 0, "size=64k");
    try {
      writeFileSync(join(source, "sub/f"), "here");
      const write = "cat /m/sub/f; echo x > /m/sub/f; echo x > /m/f; mount -o remount,rw /m/sub";
      const answer = await inside(write, "-v", `${source}:/m:ro`);
      expect(answer).toStartWith("here");
      expect(answer.match(/Read-only file system/g)).toHaveLength(2);
      expect(readFileSync(join(source, "sub/f"), "utf8")).toBe("here");
      await d("run", "-d", "--name", "propagate", "--privileged", "-v", `${source}:/m`, "busybox", "sleep", "600");
      mount("tmpfs", join(source, "late"), "tmpfs", 0, "size=64k");
      expect((await d("exec", "propagate", "mount")).stdout).not.toContain("/m/late");
      await d("exec", "propagate", "sh", "-c", "mkdir /m/inner; mount -t tmpfs tmpfs /m/inner");
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(`${source}/inner`);
      await d("rm", "-f", "propagate");
    } finally {
      for (const name of ["late", "sub"]) unmount(join(source, name), MNT_DETACH);
      rmSync(source, { recursive: true });
    }
  });
});
