/** Hardening, section B, the limits of D, and names at once: what races, what is copied, and what a request says in odd bytes. */
import { describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setCanary } from "../canary.ts";
import { run, until } from "../harness/command.ts";
import { clients, dhowBinary, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("%s", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const inside = (line: string, ...flags: string[]) => cli("run", "--rm", ...flags, "busybox", "sh", "-c", line);

  test("hardening 39: cp while the container swaps a directory for a link touches nothing of the host", async () => {
    using canary = setCanary();
    const dir = mkdtempSync(join(tmpdir(), "dhow-cp-"));
    writeFileSync(join(dir, "secret"), "from outside");
    const swap = `mkdir -p /a /b; ln -s ${canary.dir} /link; while :; do mv /a /b/a; mv /link /a; mv /a /link; mv /b/a /a; done`;
    await cli("run", "-d", "--name", "swap", "busybox", "sh", "-c", swap);
    const until = performance.now() + 5_000;
    let rounds = 0;
    for (; performance.now() < until; rounds++) {
      const got = join(dir, "got");
      await Promise.all([
        cli("cp", join(dir, "secret"), "swap:/a/secret"),
        cli("cp", "swap:/a/secret", got).then((result) => {
          if (result.code === 0) expect(readFileSync(got, "utf8")).not.toContain(canary.secretText);
        }),
      ]);
    }
    expect(rounds).toBeGreaterThan(5);
    expect(canary.changes()).toEqual([]);
    await cli("rm", "-f", "swap");
    rmSync(dir, { recursive: true });
  }, 60_000);

  test("hardening 41: compressed archives are unpacked with the host's programs, never the image's", async () => {
    const dir = mkdtempSync(join(tmpdir(), "dhow-put-"));
    writeFileSync(join(dir, "file"), "payload");
    const fake =
      "for p in xz unxz unpigz gzip bzip2 zstd tar; do printf '#!/bin/sh\\ntouch /tmp/executed-$p\\n' > /usr/bin/$p; chmod +x /usr/bin/$p; done; mkdir -p /lib; cp /bin/busybox /lib/libnss_files.so.2; sleep 60";
    await cli("run", "-d", "--name", "fakes", "busybox", "sh", "-c", fake);
    await until(
      "the fakes",
      async () => (await cli("exec", "fakes", "test", "-e", "/lib/libnss_files.so.2")).code === 0,
    );
    for (const [flag, suffix] of [
      ["z", "gz"],
      ["J", "xz"],
      ["j", "bz2"],
      ["", "tar"],
    ] as const) {
      const archive = join(dir, `x.${suffix}`);
      const made = await run(["tar", `-c${flag}f`, archive, "-C", dir, "file"]);
      if (made.code !== 0) continue;
      const answer = await fetch("http://d/containers/fakes/archive?path=/tmp", {
        method: "PUT",
        unix: daemon().socket,
        body: readFileSync(archive),
      });
      expect([suffix, answer.status]).toEqual([suffix, 200]);
      expect((await cli("exec", "fakes", "cat", "/tmp/file")).stdout).toBe("payload");
      await cli("exec", "fakes", "rm", "/tmp/file");
    }
    expect((await cli("exec", "fakes", "sh", "-c", "ls /tmp")).stdout).toBe("");
    await cli("rm", "-f", "fakes");
    rmSync(dir, { recursive: true });
  });

  test("hardening 42: links, FIFOs and /proc come out of a container as what they are, without a hang", async () => {
    const dir = mkdtempSync(join(tmpdir(), "dhow-out-"));
    const tell = (path: string) => cli("cp", path, join(dir, "out"));
    await cli(
      "run",
      "-d",
      "--name",
      "odd",
      "busybox",
      "sh",
      "-c",
      "ln -s /etc/shadow /shadow; mkfifo /pipe; (yes > /growing &) ; sleep 0.3; sleep 60",
    );
    await until("the pipe", async () => (await cli("exec", "odd", "test", "-p", "/pipe")).code === 0);
    expect((await tell("odd:/shadow")).code).toBe(0);
    expect((await run(["readlink", join(dir, "out")])).stdout.trim()).toBe("/etc/shadow");
    rmSync(join(dir, "out"), { force: true });
    for (const path of ["/pipe", "/proc/self/environ", "/growing"]) {
      const from = performance.now();
      const child = run([
        "timeout",
        "-s",
        "KILL",
        "10",
        "sh",
        "-c",
        'exec "$0" "$@" | head -c 1000000 | wc -c',
        client === "dhow" ? dhowBinary : "docker",
        "-H",
        `unix://${daemon().socket}`,
        "cp",
        `odd:${path}`,
        "-",
      ]);
      expect((await child).stdout).not.toContain("DHOW");
      expect(performance.now() - from).toBeLessThan(9_000);
    }
    await cli("rm", "-f", "odd");
    rmSync(dir, { recursive: true });
  }, 60_000);

  test("hardening 43: a bind source is resolved once; what is missing or relative is refused", async () => {
    const dir = mkdtempSync(join(tmpdir(), "dhow-bind-"));
    mkdirSync(join(dir, "real"));
    writeFileSync(join(dir, "real/file"), "real");
    symlinkSync("real", join(dir, "link"));
    for (const source of [`${dir}/link`, `${dir}/link/.`, `${dir}/real/../link`]) {
      expect((await inside("cat /m/file", "-v", `${source}:/m:ro`)).stdout).toBe("real");
    }
    expect((await inside("cat /m", "-v", `${dir}/real/file:/m:ro`)).stdout).toBe("real");
    const missing = await inside("true", "--mount", `type=bind,src=${dir}/none,dst=/m`);
    expect([missing.code, missing.stderr]).toEqual([
      125,
      expect.stringContaining(`bind source path does not exist: ${dir}/none`),
    ]);
    await cli("run", "-d", "--name", "held", "-v", `${dir}/link:/m`, "busybox", "sleep", "60");
    rmSync(join(dir, "link"));
    symlinkSync("/etc", join(dir, "link"));
    expect((await cli("exec", "held", "ls", "/m")).stdout).toBe("file\n");
    await cli("rm", "-f", "held");
    rmSync(dir, { recursive: true });
  });

  test("hardening 40: a bind source swapped for a link to the host never mounts a mixture", async () => {
    using canary = setCanary();
    const dir = mkdtempSync(join(tmpdir(), "dhow-swap-"));
    mkdirSync(join(dir, "good"));
    symlinkSync(canary.dir, join(dir, "bad"));
    let going = true;
    const swapper = (async () => {
      for (; going; await Bun.sleep(1)) {
        renameSync(join(dir, "good"), join(dir, "x"));
        renameSync(join(dir, "bad"), join(dir, "good"));
        renameSync(join(dir, "good"), join(dir, "bad"));
        renameSync(join(dir, "x"), join(dir, "good"));
      }
    })();
    for (let n = 0; n < 10; n++) await inside("true", "--mount", `type=bind,src=${dir}/good,dst=/m/sub/deep,ro`);
    going = false;
    await swapper;
    expect(canary.changes()).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  test("hardening 44: destinations through links stay inside; /proc and / are refused", async () => {
    using canary = setCanary();
    await cli("run", "--name", "dst", "busybox", "sh", "-c", `ln -s /proc/self/attr /data; ln -s ${canary.dir} /out`);
    await cli("commit", "dst", "dst:1");
    const on = (destination: string) =>
      cli("run", "--rm", "-v", `vdst:${destination}`, "dst:1", "sh", "-c", "mount | grep -c vdst; true");
    for (const destination of ["/proc", "/proc/sys", "/"]) expect((await on(destination)).code).toBe(125);
    await cli("run", "--rm", "-v", "vdst:/out/folder", "dst:1", "touch", "/out/folder/x");
    expect((await on("/data")).code === 0 && (await on("/data")).stderr !== "").toBe(false);
    expect(canary.changes()).toEqual([]);
    await cli("rm", "dst");
    await cli("rmi", "dst:1");
    await cli("volume", "rm", "vdst");
  });

  test.each(["../x", "a/b", "a".repeat(300), ".", ".."])(
    "hardening 46: the volume name %s is refused",
    async (name) => {
      expect((await cli("volume", "create", name)).code).toBe(1);
      expect((await cli("run", "--rm", "--mount", `type=volume,src=${name},dst=/v`, "busybox", "true")).code).toBe(125);
    },
  );

  test("hardening 46: a subpath cannot leave its volume", async () => {
    await inside("ln -s /etc /v/out; mkdir /v/sub; echo in > /v/sub/f", "-v", "vsub:/v");
    const at = (path: string) => inside("cat /m/f", "--mount", `type=volume,src=vsub,dst=/m,volume-subpath=${path}`);
    expect((await at("sub")).stdout).toBe("in\n");
    for (const path of ["../vsub/_data/sub", "sub/../..", "out", "/etc"]) {
      const { code, stdout } = await at(path);
      expect([code >= 125, stdout]).toEqual([true, ""]);
    }
    await cli("volume", "rm", "vsub");
  });

  test("hardening 87: the memory limit kills, says so once, and says nothing of a plain SIGKILL", async () => {
    const eat = "tail -c 200000000 /dev/zero";
    const since = String(Math.floor(Date.now() / 1000));
    expect(
      (await cli("run", "--name", "oom", "-m", "32m", "busybox", "tail", "-c", "200000000", "/dev/zero")).code,
    ).toBe(137);
    expect((await cli("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "oom")).stdout).toBe("true 137\n");
    await cli("run", "-d", "--name", "oomexec", "-m", "32m", "busybox", "sleep", "60");
    expect((await cli("exec", "oomexec", "sh", "-c", eat)).code).toBe(137);
    await cli("run", "-d", "--name", "plain", "busybox", "sleep", "60");
    await cli("kill", "plain");
    expect((await cli("inspect", "-f", "{{.State.OOMKilled}}", "plain")).stdout).toBe("false\n");
    const events = async () =>
      (
        await cli(
          "events",
          "--since",
          since,
          "--until",
          String(Math.floor(Date.now() / 1000) + 1),
          "--filter",
          "event=oom",
          "--format",
          "{{.Actor.Attributes.name}}",
        )
      ).stdout;
    await until("both events", async () => (await events()).split("\n").length >= 3);
    expect((await events()).trim().split("\n").sort()).toEqual(["oom", "oomexec"]);
    await cli("rm", "-f", "oom", "oomexec", "plain");
  });

  test("hardening 91: odd values come through byte for byte or are refused, and nothing is injected", async () => {
    const lines = "a\nroot::0:0::/:/bin/sh";
    const env = await inside('printf %s "$ODD"; cat /etc/passwd', "-e", `ODD=${lines}`, "-e", `HOME=/x\n${lines}`);
    expect(env.stdout.startsWith(lines)).toBe(true);
    expect(env.stdout.slice(lines.length)).not.toContain("root::0");
    for (const flag of ["--hostname", "--domainname"])
      expect((await cli("run", "--rm", flag, lines, "busybox", "true")).code).toBe(125);
    expect((await cli("run", "--rm", "--add-host", "a:1.2.3.4\n6.6.6.6 b", "busybox", "true")).code).toBe(125);
    const big = "x".repeat(100_000);
    expect((await inside('printf %s "$BIG" | wc -c', "-e", `BIG=${big}`)).stdout.trim()).toBe("100000");
    const label = (await cli("run", "-d", "--name", "lab", "-l", `k=${lines}=`, "busybox", "true")).stdout.trim();
    expect((await cli("inspect", "-f", "{{.Config.Labels.k}}", label)).stdout).toBe(`${lines}=\n`);
    await cli("rm", "-f", "lab");
  });
});

test("hardening 91: NUL bytes are refused, a megabyte passes or is an error of the container's own", async () => {
  const create = (extra: object) =>
    daemon().api<{ Id?: string; message?: string }>("POST", "/containers/create", {
      Image: "busybox",
      Cmd: ["true"],
      ...extra,
    });
  for (const extra of [{ Env: ["A=\0b"] }, { Cmd: ["a\0b"] }, { Hostname: "a\0b" }, { WorkingDir: "/a\0b" }])
    expect((await create(extra)).status).toBe(400);
  const big = await create({ Labels: { big: "x".repeat(1 << 20) } });
  expect(big.status).toBe(201);
  await daemon().api("DELETE", `/containers/${big.body.Id}`);
});

/** A request on a connection of its own, closed after it: kept ones would stand in the ledger as the daemon's. */
async function once(method: string, path: string, body?: unknown): Promise<{ status: number }> {
  const headers = { "content-type": "application/json", connection: "close" };
  const rest = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`http://d${path}`, { method, unix: daemon().socket, keepalive: false, headers, ...rest });
  await answer.text();
  return { status: answer.status };
}

test("hardening 186: of 50 creates of one name one wins, and the name is free again", async () => {
  const create = () => once("POST", "/containers/create?name=one", { Image: "busybox", Cmd: ["true"] });
  for (let round = 0; round < 2; round++) {
    const made = await Promise.all(Array.from({ length: 50 }, create));
    expect(made.map((answer) => answer.status).sort()).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
    const gone = await Promise.all(Array.from({ length: 10 }, () => once("DELETE", "/containers/one?force=1")));
    const statuses = gone.map((answer) => answer.status).sort();
    expect([statuses[0], statuses.slice(1).every((status) => status === 404 || status === 409)]).toEqual([204, true]);
  }
  expect((await once("POST", "/containers/create?name=one", { Image: "none:such" })).status).toBe(404);
  expect((await create()).status).toBe(201);
  await once("DELETE", "/containers/one");
});

test("hardening 81, 219: descriptors that the daemon inherited reach no container", async () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-fds-"));
  const secret = join(dir, "secret");
  writeFileSync(secret, "inherited");
  await using own = await TestDaemon.start();
  await own.docker("import", await busyboxTar(), "busybox:latest");
  await own.stopAll();
  const script = `exec 7<${secret} 8<${secret} 9<${dir}; exec "$0" daemon "$@"`;
  const child = Bun.spawn(["bash", "-c", script, dhowBinary, ...own.flags], { stdout: "ignore", stderr: "ignore" });
  const api = () => own.api("GET", "/_ping").catch(() => ({ status: 0 }));
  await until("the daemon", async () => (await api()).status === 200);
  expect(readdirSync(`/proc/${child.pid}/fd`)).toContain("7");
  const list = 'for f in /proc/self/fd/* /proc/1/fd/*; do echo "$f $(readlink $f)"; done; true';
  const runs = await own.dhow("run", "--rm", "busybox", "sh", "-c", list);
  expect([runs.code, runs.stdout.includes("dhow-fds-")]).toEqual([0, false]);
  await own.dhow("run", "-d", "--name", "held", "busybox", "sleep", "60");
  const execs = await own.dhow("exec", "held", "sh", "-c", list);
  expect([execs.code, execs.stdout.includes("dhow-fds-")]).toEqual([0, false]);
  await run([dhowBinary, "daemon", "stop", "--all", ...own.flags]);
  await child.exited;
  rmSync(dir, { recursive: true });
});
