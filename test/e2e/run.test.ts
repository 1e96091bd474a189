import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clients, runClient } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("%s run", (client) => {
  const run = (...args: string[]) => daemon().run(client, "run", ...args);

  test("prints what the process prints, on the stream it used", async () => {
    const result = await run("--rm", "busybox", "sh", "-c", "echo out; echo err >&2");
    expect(result).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
  });

  test("-d prints the id also of a container that cannot start", async () => {
    const { code, stdout } = await run("-d", "--name", "stuck", "--network", "nowhere", "busybox", "true");
    expect(code).toBe(125);
    expect(stdout.trim()).toBe((await daemon().run(client, "inspect", "-f", "{{.Id}}", "stuck")).stdout.trim());
    expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
    await daemon().run(client, "rm", "stuck");
  });

  test("answers with the exit code of the process, and 128+n for signal n", async () => {
    expect((await run("--rm", "busybox", "sh", "-c", "exit 42")).code).toBe(42);
    // Signal 9 from inside never reaches init, so a grandchild is asked.
    expect((await run("--rm", "--init", "busybox", "sh", "-c", "kill -9 $$")).code).toBe(137);
  });

  test("answers 127 for a command that is absent, 126 for one that cannot run, 125 for its own errors", async () => {
    const absent = await run("--rm", "busybox", "/nope");
    expect(absent.code).toBe(127);
    expect(absent.stderr).toContain('exec: "/nope": stat /nope: no such file or directory');
    const missing = await run("--rm", "busybox", "nope");
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('exec: "nope": executable file not found in $PATH');
    const directory = await run("--rm", "busybox", "/etc");
    expect(directory.code).toBe(126);
    const flag = await run("--rm", "--cap-add", "NOPE", "busybox", "true");
    expect(flag.code).toBe(125);
    expect(flag.stderr).toContain('unknown capability: "CAP_NOPE"');
  });

  test("feeds stdin with -i and ends it when the client's ends", async () => {
    const result = await runClient(client, daemon().socket, ["run", "--rm", "-i", "busybox", "cat"], {
      stdin: "one\ntwo\n",
    });
    expect(result).toEqual({ code: 0, stdout: "one\ntwo\n", stderr: "" });
  });

  test("carries 20 MB through stdin and back without losing a byte", async () => {
    const bytes = "0123456789abcdef".repeat(1 << 16).repeat(20);
    const echoed = await runClient(client, daemon().socket, ["run", "--rm", "-i", "busybox", "cat"], { stdin: bytes });
    expect(echoed.stdout.length).toBe(bytes.length);
    expect(echoed.stdout === bytes).toBe(true);
  });

  test("sets environment, working directory, user, hostname and labels", async () => {
    const result = await run(
      ..."--rm -e A=1 -e B=two -w /tmp/deep/dir -u 1000:1000 -h box --label x=y busybox".split(" "),
      "sh",
      "-c",
      "echo $A $B; pwd; id -u; id -g; hostname",
    );
    expect(result.stdout).toBe("1 two\n/tmp/deep/dir\n1000\n1000\nbox\n");
  });

  test("gives the process HOME, PATH and HOSTNAME", async () => {
    const env = (await run("--rm", "-h", "box", "busybox", "env")).stdout.split("\n");
    expect(env).toContain("HOME=/root");
    expect(env).toContain("HOSTNAME=box");
    expect(env).toContain("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  });

  test("runs detached, and the container shows in ps, logs and inspect until rm -f", async () => {
    const started = await run("-d", "--name", `d-${client}`, "busybox", "sh", "-c", "echo hello; sleep 60");
    expect(started.code).toBe(0);
    const id = started.stdout.trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const ps = await daemon().run(client, "ps", "--format", "{{.ID}} {{.Image}} {{.Names}} {{.Command}}");
    expect(ps.stdout).toContain(`${id.slice(0, 12)} busybox d-${client} "sh -c 'echo hello; …"`);
    expect((await daemon().run(client, "inspect", "-f", "{{.State.Status}} {{.Name}}", id)).stdout).toBe(
      `running /d-${client}\n`,
    );
    expect((await daemon().run(client, "logs", id)).stdout).toBe("hello\n");
    expect((await daemon().run(client, "rm", "-f", id)).stdout).toBe(`${id}\n`);
    expect((await daemon().run(client, "inspect", id)).code).toBe(1);
  });

  test("refuses a name that is taken, naming the holder", async () => {
    const id = (await run("-d", "--name", "taken", "busybox", "sleep", "60")).stdout.trim();
    const again = await run("--name", "taken", "busybox", "true");
    expect(again.code).toBe(125);
    expect(again.stderr).toContain(`Conflict. The container name "/taken" is already in use by container "${id}"`);
    await daemon().run(client, "rm", "-f", "taken");
  });

  test("gives only file descriptors 0, 1 and 2 to the process", async () => {
    const result = await run("--rm", "busybox", "ls", "/proc/self/fd");
    expect(result.stdout.split("\n").filter((fd) => fd !== "" && fd !== "3")).toEqual(["0", "1", "2"]);
  });

  test("confines by default: Docker's 14 capabilities, seccomp on, nothing inheritable", async () => {
    const status = (await run("--rm", "busybox", "grep", "-E", "^(Cap|Seccomp:|NoNewPrivs)", "/proc/self/status"))
      .stdout;
    expect(status).toContain("CapInh:\t0000000000000000");
    expect(status).toContain("CapPrm:\t00000000a80425fb");
    expect(status).toContain("CapEff:\t00000000a80425fb");
    expect(status).toContain("CapBnd:\t00000000a80425fb");
    expect(status).toContain("CapAmb:\t0000000000000000");
    expect(status).toContain("Seccomp:\t2");
    expect(status).toContain("NoNewPrivs:\t0");
  });

  test("kills at the memory limit and says so", async () => {
    await run(
      "--name",
      `oom-${client}`,
      "-m",
      "32m",
      "--memory-swap",
      "32m",
      "busybox",
      "sh",
      "-c",
      "dd if=/dev/zero of=/dev/null bs=200M count=1",
    );
    const state = await daemon().run(
      client,
      "inspect",
      "-f",
      "{{.State.OOMKilled}} {{.State.ExitCode}}",
      `oom-${client}`,
    );
    await daemon().run(client, "rm", "-f", `oom-${client}`);
    expect(state.stdout.trim()).toMatch(/^true \d+$/);
  });

  test("writes a cid file and refuses one that exists", async () => {
    const dir = mkdtempSync(join(tmpdir(), "dhow-cid-"));
    try {
      const file = join(dir, "cid");
      expect((await run("--rm", "--cidfile", file, "busybox", "true")).code).toBe(0);
      expect(readFileSync(file, "utf8")).toMatch(/^[0-9a-f]{64}$/);
      const again = await run("--rm", "--cidfile", file, "busybox", "true");
      expect(again.code).not.toBe(0);
      expect(again.stderr).toContain(file);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("mounts volumes, binds and tmpfs", async () => {
    const dir = mkdtempSync(join(tmpdir(), "dhow-bind-"));
    try {
      writeFileSync(join(dir, "file"), "from the host\n");
      const bind = await run(
        "--rm",
        "-v",
        `${dir}:/data:ro`,
        "busybox",
        "sh",
        "-c",
        "cat /data/file; touch /data/x 2>&1",
      );
      expect(bind.stdout).toContain("from the host\n");
      expect(bind.stdout).toContain("Read-only file system");
      const volume = `v-${client}`;
      expect((await run("--rm", "-v", `${volume}:/v`, "busybox", "sh", "-c", "echo kept > /v/f")).code).toBe(0);
      expect((await run("--rm", "--mount", `type=volume,src=${volume},dst=/w`, "busybox", "cat", "/w/f")).stdout).toBe(
        "kept\n",
      );
      expect((await daemon().run(client, "volume", "rm", volume)).stdout).toBe(`${volume}\n`);
      const tmpfs = await run("--rm", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c", "df /t | tail -1");
      expect(tmpfs.stdout).toContain("tmpfs");
      const absent = await run("--rm", "--mount", "type=bind,src=/no/such/source,dst=/x", "busybox", "true");
      expect(absent.code).toBe(125);
      expect(absent.stderr).toContain(
        'invalid mount config for type "bind": bind source path does not exist: /no/such/source',
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test("what the engine writes into /etc stays visible under a volume, and read-only under --read-only", async () => {
    const volume = `etc-${client}`;
    const covered = await run("--rm", "-v", `${volume}:/etc:nocopy`, "busybox", "ls", "/etc");
    expect(covered.stdout.split("\n").filter(Boolean).sort()).toEqual(["hostname", "hosts", "resolv.conf"]);
    await daemon().run(client, "volume", "rm", volume);
    const touched = await run("--rm", "--read-only", "busybox", "touch", "/etc/hosts");
    expect(touched.stderr).toContain("Read-only file system");
  });

  test("--entrypoint '' takes the entrypoint away", async () => {
    expect((await run("--rm", "--entrypoint", "", "busybox", "echo", "hi")).stdout).toBe("hi\n");
  });

  test("--network container:x shares the other's name and /etc/hosts", async () => {
    await run("-d", "--name", "owner", "-h", "shared-name", "busybox", "sleep", "60");
    const seen = await run("--rm", "--network", "container:owner", "busybox", "sh", "-c", "hostname; cat /etc/hosts");
    const own = await daemon().run(client, "exec", "owner", "sh", "-c", "hostname; cat /etc/hosts");
    expect(seen.stdout).toBe(own.stdout);
    expect(own.stdout).toStartWith("shared-name\n");
    await daemon().run(client, "rm", "-f", "owner");
  });
});
