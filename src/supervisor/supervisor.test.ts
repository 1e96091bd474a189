import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { background } from "../lib/operation.ts";
import { RuntimeStartError } from "../runtime/errors.ts";
import { Bench, canRunContainers, readAll } from "./fixtures/containers.ts";
import type { ProcessTarget } from "./protocol.ts";

const both = { stdin: false, stdout: true, stderr: true };
const all = { stdin: true, stdout: true, stderr: true };

for (const kind of ["crun", "runc"] as const) {
  describe.skipIf(!canRunContainers)(`a supervised process under ${kind}`, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = new Bench(kind);
    });
    afterAll(() => bench[Symbol.asyncDispose]());

    const exec = (containerId: string, execId: string, args: string[], io = {}) =>
      bench.runtime.exec(
        {
          containerId,
          execId,
          process: bench.process(args),
          io: { tty: false, stdin: false, stdinOnce: false, uid: 0, gid: 0, ...io },
          runtime: bench.runtimeBinary,
        },
        background(),
      );

    test("start() loses no byte of a client attached before, logs both streams and tells the exit", async () => {
      const request = bench.request(["sh", "-c", "echo out; echo err >&2; exit 7"]);
      const target = { containerId: request.id };
      const attached = await bench.runtime.attach(target, both);
      const exit = await bench.run(request);
      expect(exit).toMatchObject({ code: 7, signal: null, oomKilled: false, unknown: false });
      const frames = await readAll(attached.output);
      expect(frames.toString("latin1")).toContain("\u0001\0\0\0\0\0\0\u0004out\n");
      expect(frames.toString("latin1")).toContain("\u0002\0\0\0\0\0\0\u0004err\n");
      expect(bench.logged(request.id).sort()).toEqual([
        ["stderr", "err\n"],
        ["stdout", "out\n"],
      ]);
      await bench.runtime.forget(target);
      expect(await bench.runtime.list()).toEqual([]);
    });

    test("attach() hands input on and its half-close is the end of stdin", async () => {
      const request = bench.request(["cat"], { io: { stdin: true, stdinOnce: true } });
      const attached = await bench.runtime.attach({ containerId: request.id }, all);
      const big = "x".repeat(300_000);
      attached.input.end(`${big}\n`);
      const output = readAll(attached.output);
      expect((await bench.run(request)).code).toBe(0);
      const text = (await output).toString("latin1").replace(/\u0001\0\0\0..../gs, "");
      expect(text.length).toBe(big.length + 1);
      await bench.runtime.forget({ containerId: request.id });
    });

    test("a terminal has the asked size, takes resize and input, and ends", async () => {
      const script = "stty size; read x; stty size; echo got $x; exit 3";
      const request = bench.request(["sh", "-c", script], { io: { tty: true, stdin: true, consoleSize: [33, 99] } });
      const target = { containerId: request.id };
      const attached = await bench.runtime.attach(target, all);
      await bench.runtime.start(request, background());
      let seen = "";
      const output = (async () => {
        for await (const chunk of attached.output) seen += chunk;
      })();
      while (!seen.includes("33 99")) await Bun.sleep(5);
      await bench.runtime.resize(target, { height: 40, width: 120 });
      attached.input.write("abc\n");
      expect((await bench.exitOf(target)).code).toBe(3);
      await output;
      expect(seen).toContain("33 99\r\n");
      expect(seen).toContain("40 120\r\n");
      expect(seen).toContain("got abc\r\n");
      await bench.runtime.forget(target);
    });

    test("exec() runs beside the first process with its own streams and code", async () => {
      const request = bench.request(["sleep", "100"]);
      await bench.runtime.start(request, background());
      const target: ProcessTarget = { containerId: request.id, execId: "e1" };
      const attached = await bench.runtime.attach(target, all);
      const output = readAll(attached.output);
      await exec(request.id, "e1", ["sh", "-c", "cat; exit 4"], { stdin: true });
      attached.input.end("hi\n");
      expect((await bench.exitOf(target)).code).toBe(4);
      expect((await output).subarray(8).toString()).toBe("hi\n");
      await bench.runtime.forget(target);
      await expect(exec(request.id, "e2", ["nope"])).rejects.toMatchObject({
        exitCode: 127,
        message: expect.stringContaining('exec: "nope": executable file not found in $PATH'),
      });
      await bench.runtime.forget({ containerId: request.id });
    });

    test("signal() ends with 128+n, and is refused once the process is gone", async () => {
      const request = bench.request(["sleep", "100"]);
      const target = { containerId: request.id };
      await bench.runtime.start(request, background());
      await bench.runtime.signal(target, 9);
      expect(await bench.exitOf(target)).toMatchObject({ code: 137, signal: 9, oomKilled: false });
      await expect(bench.runtime.signal(target, 9)).rejects.toMatchObject({ kind: "notFound" });
      await bench.runtime.forget(target);
    });

    test("pause() stops the output and resume() lets it go on", async () => {
      const request = bench.request(["sh", "-c", "while :; do echo x; sleep 0.01; done"]);
      const target = { containerId: request.id };
      await bench.runtime.start(request, background());
      await bench.runtime.pause(request.id);
      await Bun.sleep(50);
      const before = bench.logged(request.id).length;
      await Bun.sleep(150);
      expect(bench.logged(request.id).length).toBe(before);
      await bench.runtime.resume(request.id);
      while (bench.logged(request.id).length === before) await Bun.sleep(10);
      await bench.runtime.signal(target, 9);
      await bench.exitOf(target);
      await bench.runtime.forget(target);
    });

    test("forget() of a container that ended at once takes its cgroups without asking the runtime", async () => {
      const calls = join(bench.root, "calls");
      const path = join(bench.root, "runtime");
      writeFileSync(path, `#!/bin/sh\necho "$@" >> ${calls}\nexec ${bench.runtimeBinary.path} "$@"\n`, { mode: 0o755 });
      const request = { ...bench.request(["true"]), runtime: { ...bench.runtimeBinary, path } };
      expect((await bench.run(request)).code).toBe(0);
      await bench.runtime.forget({ containerId: request.id });
      expect(readFileSync(calls, "utf8").trim().split("\n")).toHaveLength(1);
      expect(existsSync(join(bench.runtimeBinary.root, request.id))).toBe(false);
      expect(
        readdirSync("/sys/fs/cgroup").filter((name) => existsSync(`/sys/fs/cgroup/${name}${request.cgroupPath}`)),
      ).toEqual([]);
    });

    test("a runtime that is not there is a refusal of its own, and the supervisor's files stay its own", async () => {
      const runtime = { ...bench.runtimeBinary, kind: "runc" as const, path: "/nope/runtime" };
      const request = { ...bench.request(["true"]), runtime };
      await expect(bench.runtime.start(request, background())).rejects.toThrow(
        "fork/exec /nope/runtime: no such file or directory",
      );
      expect(readFileSync(`/proc/${bench.supervisorPid()}/status`, "utf8")).toMatch(/^Umask:\t0077$/m);
      expect((await bench.run(bench.request(["true"]))).code).toBe(0);
    });

    test("an allocation over the limit is told as oomKilled with 137", async () => {
      const oom = await bench.run(
        bench.request(["sh", "-c", "a=xxxxxxxx; while :; do a=$a$a; done"], { memory: 16 * 1024 * 1024 }),
      );
      expect(oom).toMatchObject({ code: 137, oomKilled: true });
    });

    const refusals: [command: string, message: string, code: number][] = [
      ["nope", 'exec: "nope": executable file not found in $PATH', 127],
      ["/nope", 'exec: "/nope": stat /nope: no such file or directory', 127],
      // runc before 1.2 does not say that it is a directory.
      ["/etc", `exec: "/etc": ${kind === "runc" ? "" : "is a directory: "}permission denied`, 126],
      ["/etc/plain", 'exec: "/etc/plain": permission denied', 126],
    ];
    for (const [command, message, code] of refusals) {
      test(`start() of ${command} fails in Docker's words and leaves nothing`, async () => {
        const request = bench.request([command]);
        const failure = await bench.runtime.start(request, background()).catch((error) => error);
        expect(failure).toBeInstanceOf(RuntimeStartError);
        expect(failure.message).toEndWith(message);
        expect(failure.exitCode).toBe(code);
        expect(existsSync(join(bench.runtimeBinary.root, request.id))).toBe(false);
        expect(existsSync(join(bench.root, "supervisor", request.id))).toBe(false);
      });
    }

    test("only descriptors 0 to 2 reach a container, whatever the daemon holds open", async () => {
      const extra = openSync("/etc/hostname", "r");
      const exit = await bench.run(bench.request(["sh", "-c", "ls /proc/1/fd | tr '\\n' ' '"]));
      closeSync(extra);
      expect(exit.code).toBe(0);
      const request = bench.request(["sleep", "100"]);
      const { pid } = await bench.runtime.start(request, background());
      // runc may answer just before its init has become the process; what it holds then goes at that moment.
      for (let i = 0; i < 500 && readFileSync(`/proc/${pid}/comm`, "utf8") !== "sleep\n"; i++) await Bun.sleep(10);
      expect(readdirSync(`/proc/${pid}/fd`)).toEqual(["0", "1", "2"]);
      await bench.runtime.forget({ containerId: request.id });
    });

    test("a user other than root may open /dev/stdout", async () => {
      const request = bench.request(["sh", "-c", "echo hi > /proc/self/fd/1"], {
        uid: 1000,
        io: { uid: 1000, gid: 1000 },
      });
      expect((await bench.run(request)).code).toBe(0);
      expect(bench.logged(request.id)).toEqual([["stdout", "hi\n"]]);
    });
  });
}

describe.skipIf(!canRunContainers)("a supervisor", () => {
  test("keeps everything while the daemon is away, and replays exits until forgotten", async () => {
    await using bench = new Bench();
    const quick = bench.request(["sh", "-c", "sleep 0.2; echo bye; exit 5"]);
    const long = bench.request(["sleep", "100"]);
    await bench.runtime.start(quick, background());
    const started = await bench.runtime.start(long, background());
    await bench.runtime[Symbol.asyncDispose]();
    await Bun.sleep(600);
    bench.exits.length = 0;
    bench.runtime = bench.connect();
    const list = await bench.runtime.list();
    expect(list.find((each) => each.containerId === quick.id)?.exit?.code).toBe(5);
    expect(list.find((each) => each.containerId === long.id)).toMatchObject({ ...started, exit: null });
    expect((await bench.exitOf({ containerId: quick.id })).code).toBe(5);
    expect(bench.logged(quick.id)).toEqual([["stdout", "bye\n"]]);
  }, 20_000);

  test("that is killed is replaced, and no line and no code is lost", async () => {
    await using bench = new Bench();
    const script = "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.02; done; exit 9";
    const request = bench.request(["sh", "-c", script]);
    await bench.runtime.start(request, background());
    await Bun.sleep(200);
    const old = bench.supervisorPid();
    process.kill(old, "SIGKILL");
    const exit = await bench.exitOf({ containerId: request.id });
    expect(exit).toMatchObject({ code: 9, unknown: false });
    expect(bench.logged(request.id).map(([, text]) => text)).toEqual(
      Array.from({ length: 40 }, (_, i) => `line ${i}\n`),
    );
    expect(bench.supervisorPid()).not.toBe(old);
  }, 20_000);

  test("that is killed leaves a terminal working, by the master that the daemon kept", async () => {
    await using bench = new Bench();
    const request = bench.request(["sh", "-c", "read x; echo got $x; exit 6"], { io: { tty: true, stdin: true } });
    const target = { containerId: request.id };
    await bench.runtime.start(request, background());
    process.kill(bench.supervisorPid(), "SIGKILL");
    await Bun.sleep(100);
    const attached = await bench.runtime.attach(target, all);
    attached.input.write("abc\n");
    expect((await readAll(attached.output)).toString()).toContain("got abc");
    expect((await bench.exitOf(target)).code).toBe(6);
  }, 20_000);

  test("drops clients that went away, also those that had ended their input before", async () => {
    await using bench = new Bench();
    const request = bench.request(["sleep", "100"], { io: { stdin: true } });
    const target = { containerId: request.id };
    await bench.runtime.start(request, background());
    const pid = bench.supervisorPid();
    const count = (): number => readdirSync(`/proc/${pid}/fd`).length;
    const before = count();
    for (let i = 0; i < 50; i++) {
      const attached = await bench.runtime.attach(target, i % 2 ? all : both);
      if (i % 3 === 0) {
        attached.input.end();
        await Bun.sleep(1);
      }
      attached.close();
    }
    const deadline = Date.now() + 5000;
    while (count() > before && Date.now() < deadline) await Bun.sleep(20);
    expect(count()).toBe(before);
  }, 20_000);

  test("ignores SIGTERM and SIGHUP, and has a session of its own", async () => {
    await using bench = new Bench();
    await bench.runtime.ensure();
    const pid = bench.supervisorPid();
    process.kill(pid, "SIGTERM");
    process.kill(pid, "SIGHUP");
    await Bun.sleep(50);
    expect(await bench.runtime.list()).toEqual([]);
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ");
    expect(Number(stat?.[3])).toBe(pid);
  });
});
