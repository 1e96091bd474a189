import { describe, expect, test } from "bun:test";
import { until } from "../harness/command.ts";
import { clients, dhowBinary } from "../harness/daemon.ts";
import { TerminalClient } from "../harness/terminal.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("%s", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const state = async (name: string, field = "Status") =>
    (await cli("inspect", "-f", `{{.State.${field}}}`, name)).stdout.trim();
  const binary = client === "dhow" ? dhowBinary : "docker";
  const terminal = (...args: string[]) =>
    new TerminalClient([binary, ...args], {
      DOCKER_HOST: `unix://${daemon().socket}`,
      DHOW_AUTOSTART: "0",
      TERM: "xterm",
    });

  test("create, start, stop, start again, rm", async () => {
    const id = (
      await cli("create", "--name", "life", "busybox", "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    ).stdout.trim();
    expect(await state("life")).toBe("created");
    expect((await cli("start", "life")).stdout).toBe("life\n");
    expect(await state("life")).toBe("running");
    expect((await cli("rm", "life")).stderr).toContain(
      `cannot remove container "life": container is running: stop the container before removing or force remove`,
    );
    expect((await cli("stop", "life")).stdout).toBe("life\n");
    expect(await state("life")).toBe("exited");
    expect(await state("life", "ExitCode")).toBe("7");
    await cli("start", "life");
    expect(await state("life")).toBe("running");
    expect((await cli("kill", "life")).code).toBe(0);
    await until("the end", async () => (await state("life")) === "exited");
    expect(await state("life", "ExitCode")).toBe("137");
    expect((await cli("rm", "life")).stdout).toBe("life\n");
    expect((await cli("inspect", id)).stderr).toMatch(/[Nn]o such (object|container)/);
  });

  test("stop kills after its grace time when the process ignores the signal", async () => {
    await cli("run", "-d", "--name", "deaf", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done");
    const from = performance.now();
    await cli("stop", "-t", "1", "deaf");
    expect(performance.now() - from).toBeGreaterThan(900);
    expect(await state("deaf", "ExitCode")).toBe("137");
    await cli("rm", "deaf");
  });

  test("wait answers with the exit code", async () => {
    await cli("run", "-d", "--name", "waited", "busybox", "sh", "-c", "sleep 0.3; exit 5");
    expect((await cli("wait", "waited")).stdout).toBe("5\n");
    expect((await cli("wait", "waited")).stdout).toBe("5\n");
    await cli("rm", "waited");
  });

  test("pause freezes, unpause thaws, and exec says so meanwhile", async () => {
    await cli("run", "-d", "--name", "frozen", "busybox", "sleep", "60");
    await cli("pause", "frozen");
    expect(await state("frozen")).toBe("paused");
    expect((await cli("exec", "frozen", "true")).stderr).toContain(
      "Container frozen is paused, unpause the container before exec",
    );
    await cli("unpause", "frozen");
    expect((await cli("exec", "frozen", "echo", "back")).stdout).toBe("back\n");
    await cli("rm", "-f", "frozen");
  });

  test("exec runs in the container: streams, stdin, user, environment, directory, exit code", async () => {
    await cli("run", "-d", "--name", "host", "-e", "A=1", "busybox", "sleep", "60");
    expect(await cli("exec", "host", "sh", "-c", "echo out; echo err >&2; exit 4")).toEqual({
      code: 4,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(
      (await cli("exec", "-e", "B=2", "-w", "/tmp", "-u", "app", "host", "sh", "-c", "echo $A$B; pwd; id -un")).stdout,
    ).toBe("12\n/tmp\napp\n");
    const absent = await cli("exec", "host", "nope");
    expect(absent).toEqual({
      code: 127,
      stdout:
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH\r\n',
      stderr: "",
    });
    expect(await cli("exec", "-u", "nobodyx", "host", "true")).toEqual({
      code: 1,
      stdout: "",
      stderr: "Error response from daemon: unable to find user nobodyx: no matching entries in passwd file\n",
    });
    expect((await cli("exec", "-d", "host", "touch", "/made")).code).toBe(0);
    await until("the detached exec", async () => (await cli("exec", "host", "ls", "/made")).code === 0);
    await cli("rm", "-f", "host");
    expect((await cli("exec", "host", "true")).stderr).toContain("No such container: host");
  });

  test("top, rename, port and diff", async () => {
    await cli("run", "-d", "--name", "before", "busybox", "sh", "-c", "touch /made; rm /bin/vi; sleep 60");
    await cli("rename", "before", "after");
    expect((await cli("top", "after")).stdout).toContain("sleep 60");
    const diff = await until("the change", async () => (await cli("diff", "after")).stdout);
    expect(diff.split("\n").sort()).toEqual(["", "A /made", "C /bin", "D /bin/vi"]);
    await cli("rm", "-f", "after");
  });

  test("cp copies in and out, stopped and running", async () => {
    await cli("create", "--name", "box", "busybox", "sleep", "60");
    const file = `${daemon().root}/cp-${client}`;
    await Bun.write(file, "copied\n");
    expect((await cli("cp", file, "box:/tmp/in")).code).toBe(0);
    await cli("start", "box");
    expect((await cli("exec", "box", "cat", "/tmp/in")).stdout).toBe("copied\n");
    expect((await cli("cp", "box:/tmp/in", `${file}.out`)).code).toBe(0);
    expect(await Bun.file(`${file}.out`).text()).toBe("copied\n");
    expect((await cli("cp", "box:/no/such", "-")).stderr).toContain(
      "Could not find the file /no/such in container box",
    );
    await cli("rm", "-f", "box");
  });

  test("logs: both streams, tail, timestamps, since, and follow until the end", async () => {
    await cli(
      "run",
      "-d",
      "--name",
      "talk",
      "busybox",
      "sh",
      "-c",
      "for i in 1 2 3; do echo line $i; done; echo bad >&2; sleep 1; echo last",
    );
    const followed = await cli("logs", "-f", "talk");
    expect(followed).toEqual({ code: 0, stdout: "line 1\nline 2\nline 3\nlast\n", stderr: "bad\n" });
    expect((await cli("logs", "--tail", "1", "talk")).stdout).toBe("last\n");
    const stamped = (await cli("logs", "-t", "talk")).stdout.split("\n")[0] ?? "";
    expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 1$/);
    expect((await cli("logs", "--since", "2100-01-01T00:00:00Z", "talk")).stdout).toBe("");
    await cli("rm", "-f", "talk");
  });

  test("-it gives a terminal of the client's size, follows its resizes, and passes input and exit code", async () => {
    await using session = terminal("run", "--rm", "-it", "busybox", "sh");
    await until("a prompt", () => session.output.includes("# "));
    session.type("stty size; tty\n");
    await until("the size", () => session.output.includes("30 100"));
    await until("the terminal's name", () => session.output.includes("/dev/pts/0"));
    session.resize(120, 40);
    await until("the new size", async () => {
      session.type("stty size\n");
      await Bun.sleep(50);
      return session.output.includes("40 120");
    });
    session.type("exit 9\n");
    expect(await session.exited()).toBe(9);
  });

  test("the detach keys leave the container running, and attach takes it up again", async () => {
    const name = `kept-${client}`;
    {
      await using session = terminal("run", "--name", name, "-it", "busybox", "sh");
      await until("a prompt", () => session.output.includes("# "));
      session.type("X=remembered\n");
      session.type("\x10\x11");
      await session.exited();
    }
    expect(await state(name)).toBe("running");
    await using again = terminal("attach", name);
    await until("the shell", async () => {
      again.type("echo $X-$X\n");
      await Bun.sleep(50);
      return again.output.includes("remembered-remembered");
    });
    again.type("exit 3\n");
    expect(await again.exited()).toBe(3);
    await cli("rm", name);
  });

  test("a signal to the client reaches the process", async () => {
    const name = `sig-${client}`;
    const child = Bun.spawn(
      [
        binary,
        "run",
        "--name",
        name,
        "busybox",
        "sh",
        "-c",
        "trap 'exit 6' TERM; echo ready; while :; do sleep 0.1; done",
      ],
      {
        stdout: "pipe",
        stderr: "ignore",
        env: { ...process.env, DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0" },
      },
    );
    await until("the container", async () => (await cli("logs", name)).stdout === "ready\n");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(6);
    await cli("rm", name);
  });

  test("restart policies: on-failure:2 starts twice more, then stops", async () => {
    await cli("run", "-d", "--name", "again", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo try; exit 3");
    await until(
      "the third end",
      async () => (await state("again")) === "exited" && (await cli("logs", "again")).stdout === "try\ntry\ntry\n",
    );
    expect((await cli("inspect", "-f", "{{.RestartCount}}", "again")).stdout.trim()).toBe("2");
    await cli("rm", "again");
  });

  test("hardening 187: events tell the life of a container in order", async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await cli("run", "--rm", "--name", `ev-${client}`, "busybox", "true");
    const until = String(Math.floor(Date.now() / 1000) + 1);
    const events = await cli(
      "events",
      "--since",
      since,
      "--until",
      until,
      "--filter",
      `container=ev-${client}`,
      "--format",
      "{{.Action}}",
    );
    expect(
      events.stdout
        .trim()
        .split("\n")
        .filter((action) => action !== "attach"),
    ).toEqual(["create", "start", "die", "destroy"]);
  });

  test("events tell of a commit and a prune with dockerd's attributes", async () => {
    const [name, image] = [`evc-${client}`, `evimg-${client}:1`];
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await cli("create", "--name", name, "busybox", "true");
    const id = (await cli("commit", "-m", "why", name, image)).stdout.trim();
    await cli("image", "prune", "-f");
    const until = String(Math.floor(Date.now() / 1000) + 1);
    const format = "{{.Type}} {{.Action}} {{json .Actor.Attributes}}";
    const told = (await cli("events", "--since", since, "--until", until, "--format", format)).stdout
      .trim()
      .split("\n");
    expect(told.filter((line) => /create .*sha256|tag|commit|prune/.test(line))).toEqual([
      `image create {"name":"${id}"}`,
      `image tag {"name":"${image}"}`,
      `container commit {"comment":"why","image":"busybox","imageID":"${id}","imageRef":"${image}","name":"${name}"}`,
      'image prune {"reclaimed":"0"}',
    ]);
    await cli("rm", name);
    await cli("rmi", image);
  });

  test("rmi -f takes an image from under a stopped container, which still starts", async () => {
    const [name, image] = [`keeps-${client}`, `goes-${client}:1`];
    await cli("create", "--name", `from-${client}`, "busybox", "true");
    const id = (await cli("commit", `from-${client}`, image)).stdout.trim();
    await cli("create", "--name", name, image, "echo", "here");
    expect((await cli("rmi", image)).code).toBe(1);
    expect(await cli("rmi", "-f", image)).toMatchObject({ code: 0, stdout: `Untagged: ${image}\nDeleted: ${id}\n` });
    expect((await cli("start", "-a", name)).stdout).toBe("here\n");
    await cli("rm", name, `from-${client}`);
  });

  test("a failed start is one complaint with the right code, attached or not", async () => {
    for (const flags of [[], ["-d"], ["--rm"]]) {
      const { code, stderr } = await cli("run", "--name", "fails", ...flags, "busybox", "/nope");
      expect([code, stderr.match(/no such file or directory/g)?.length]).toEqual([127, 1]);
      expect(stderr).not.toContain("waiting for container");
      if (flags[0] === "--rm") continue;
      const again = await cli("start", "-a", "fails");
      expect([again.code, again.stderr.includes("waiting for container")]).toEqual([1, false]);
      await cli("rm", "fails");
    }
  });

  test("restart of a --rm container starts it again instead of removing it", async () => {
    const id = (await cli("run", "-d", "--rm", "--name", "restarted", "busybox", "sleep", "60")).stdout.trim();
    expect((await cli("restart", "-t", "0", "restarted")).code).toBe(0);
    expect(await state("restarted")).toBe("running");
    await cli("rm", "-f", id);
  });
});
