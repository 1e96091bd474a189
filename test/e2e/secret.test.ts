/** `--secret`: files that a container sees, and that nothing else of the engine shows. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
  type Dirent,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { runClient } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ failPoints: "" });
const folder = mkdtempSync(join(tmpdir(), "dhow-secret-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "value");
/** In two spellings, as it is kept and as it travels. */
const value = `s3cr3t-${process.pid}-${"x".repeat(32)}`;
const traces = [value, Buffer.from(value).toString("base64").slice(0, 32)];

beforeAll(() => writeFileSync(file, value, { mode: 0o600 }));
afterEach(async () => {
  const names = (await daemon().must("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (names.length > 0) await daemon().must("rm", "-f", "-v", ...names);
  // The log of a container that printed it goes with the trash.
  await until("nothing to hold the value", () => heldValues().length === 0);
});

/** Files below the engine's roots (other than containers' own file systems) that hold the value. */
function heldValues(directory = daemon().root): string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return heldValues(path);
    if (!entry.isFile()) return [];
    const text = readable(path);
    return traces.some((trace) => text.includes(trace)) ? [path] : [];
  });
}

/** What is in the trash may go at any time. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** A network namespace is a file that has no bytes. */
function readable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

const dhow = (...args: string[]) => daemon().dhow(...args);
const keep = (name: string, ...flags: string[]) =>
  daemon().must("run", "-d", "--name", name, "--stop-timeout", "0", ...flags, "busybox", "sleep", "600");
const seen = async (name: string, path = "/run/secrets/key") => (await dhow("exec", name, "cat", path)).stdout;

test("a secret is a read-only file on a tmpfs, owned and moded as asked", async () => {
  const { stdout, stderr, code } = await dhow(
    ...["run", "--rm", "--secret", `id=key,src=${file}`, "--secret", `id=own,src=${file},uid=7,gid=8,mode=0400`],
    ...["--secret", `id=deep,src=${file},target=a/b/c`, "--secret", `id=apart,src=${file},target=/etc/tls/key.pem`],
    ...["busybox", "sh", "-c"],
    "cd /run/secrets; stat -c '%n %u:%g %a' key own a a/b/c /etc/tls/key.pem; cat key; echo; cat own /etc/tls/key.pem | wc -c; df . | tail -1 | cut -d' ' -f1; touch key; rm -f key /etc/tls/key.pem",
  );
  expect(stdout.split("\n")).toEqual([
    "key 0:0 444",
    "own 7:8 400",
    "a 0:0 755",
    "a/b/c 0:0 444",
    "/etc/tls/key.pem 0:0 444",
    value,
    `${2 * value.length}`,
    "secrets",
    "",
  ]);
  expect(stderr).toContain("Read-only file system");
  expect(code).not.toBe(0);
});

test("a user that is not root reads what its mode allows; a variable of ours is a source too", async () => {
  const args = ["run", "--rm", "-u", "7:7", "--secret", "id=key,env=TOKEN", "--secret", "id=no,env=TOKEN,mode=0400"];
  const { stdout, stderr } = await runClient(
    "dhow",
    daemon().socket,
    [...args, "busybox", "cat", "/run/secrets/key", "/run/secrets/no"],
    { env: { TOKEN: value } },
  );
  expect({ stdout, stderr }).toEqual({ stdout: value, stderr: expect.stringContaining("Permission denied") });
});

test("with a read-only root, a tmpfs on /run and an own user the file is there", async () => {
  const { stdout } = await dhow(
    ...["run", "--rm", "--read-only", "--tmpfs", "/run", "-u", "1", "--secret", `id=key,src=${file}`],
    ...["busybox", "cat", "/run/secrets/key"],
  );
  expect(stdout).toBe(value);
});

test("the value is in one file of root's alone, and in no record, view, image, tar, event, log or argument", async () => {
  await keep("holder", "--secret", `id=key,src=${file}`);
  const id = (await dhow("inspect", "-f", "{{.Id}}", "holder")).stdout.trim();
  const kept = join(daemon().dataRoot, "containers", id, "secrets", "key");
  expect(heldValues()).toEqual([kept]);
  expect(lstatSync(kept)).toMatchObject({ mode: 0o100600, uid: 0, gid: 0 });
  expect(lstatSync(join(kept, "..")).mode).toBe(0o40700);
  const mounts = readFileSync("/proc/self/mounts", "utf8");
  expect(mounts).not.toContain(join(daemon().execRoot, "containers", id, "secrets"));

  const inspected = (await dhow("inspect", "holder")).stdout;
  expect(JSON.parse(inspected)[0].HostConfig.Secrets).toEqual([
    { Name: "key", Target: "key", UID: 0, GID: 0, Mode: 0o444 },
  ]);
  const shown = [inspected];
  shown.push((await dhow("commit", "holder", "committed")).stdout);
  for (const args of [
    ["history", "--no-trunc", "committed"],
    ["inspect", "committed"],
    ["diff", "holder"],
  ]) {
    shown.push((await dhow(...args)).stdout);
  }
  for (const args of [
    ["export", "holder"],
    ["save", "committed"],
  ]) {
    const path = join(folder, "tar");
    await daemon().must(...args, "-o", path);
    shown.push(readFileSync(path, "latin1"));
  }
  for (const line of ["ps --no-trunc", "info", "system df -v", "logs holder", "stats --no-stream", "top holder"]) {
    shown.push((await dhow(...line.split(" "))).stdout);
  }
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      shown.push(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(daemon().root)) {
        shown.push(readFileSync(`/proc/${pid}/environ`, "latin1"));
      }
    } catch {}
  }
  shown.push((await dhow("events", "--since", "1h", "--until", "0s")).stdout, daemon().log(), daemon().lastLogged());
  for (const text of shown) expect(traces.filter((trace) => text.includes(trace))).toEqual([]);
  // Of the layer, the directory that they are mounted on, and no empty file for each.
  expect((await dhow("diff", "holder")).stdout).toBe("A /run\nA /run/secrets\n");
  await dhow("rmi", "committed");
});

test("it survives stop and start, kill -9 of the daemon, and both; rm takes it away", async () => {
  await keep("long", "--secret", `id=key,src=${file}`);
  rmSync(file);
  await daemon().must("restart", "-t", "0", "long");
  expect(await seen("long")).toBe(value);
  await daemon().kill9();
  await daemon().start();
  expect(await seen("long")).toBe(value);
  await daemon().must("stop", "-t", "0", "long");
  await daemon().kill9();
  await daemon().start();
  await daemon().must("start", "long");
  expect(await seen("long")).toBe(value);
  expect(heldValues()).toHaveLength(1);
  await daemon().must("rm", "-f", "long");
  expect(heldValues()).toEqual([]);
  writeFileSync(file, value, { mode: 0o600 });
});

test("a start whose secret is not kept any more says so, and a create is wanted", async () => {
  await daemon().must("create", "--name", "lost", "--secret", `id=key,src=${file}`, "busybox", "true");
  rmSync(heldValues()[0] ?? "");
  const { code, stderr } = await dhow("start", "lost");
  expect(code).toBe(1);
  expect(stderr).toContain("secret key of the container is not kept any more; create the container again");
});

test.each(["containers.create.secrets", "containers.create.recorded", "containers.start.bundled"])(
  "kill -9 at %s leaves the container with its secret, or neither, and no mount",
  async (point) => {
    daemon().arm(`${point}=kill`);
    const args = ["run", "-d", "--name", "victim", "--secret", `id=key,src=${file}`, "busybox", "sleep", "600"];
    expect((await dhow(...args)).code).not.toBe(0);
    await daemon().died();
    daemon().arm("");
    await daemon().start();
    const { stdout } = await dhow("ps", "-aq");
    // What a dead create left is thrown away beside the first answers.
    await until("what is not kept to be gone", () => heldValues().length === (stdout === "" ? 0 : 1));
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(`${daemon().execRoot}/containers`);
    if (stdout === "") return;
    await dhow("start", "victim");
    await until("the value", async () => (await seen("victim")) === value);
  },
);

test("a create that fails leaves nothing", async () => {
  const before = readdirSync(join(daemon().dataRoot, "containers"));
  const secret = ["--secret", `id=key,src=${file}`];
  const taken = await dhow("create", ...secret, "-v", "/run/secrets", "busybox", "true");
  expect(taken.stderr).toContain("Error response from daemon: Duplicate mount point: /run/secrets");
  expect(taken.code).toBe(1);
  daemon().arm("containers.create.prepared=error");
  expect((await dhow("create", ...secret, "busybox", "true")).code).not.toBe(0);
  daemon().arm("");
  expect((await dhow("create", ...secret, "absent:none", "--pull", "never")).code).not.toBe(0);
  expect(heldValues()).toEqual([]);
  expect(readdirSync(join(daemon().dataRoot, "containers"))).toEqual(before);
  expect((await dhow("volume", "ls", "-q")).stdout).toBe("");
});

test("bad input is refused by the client with the reason, before anything is sent", async () => {
  const big = join(folder, "big");
  writeFileSync(big, "x".repeat(512_000));
  const cases: [spec: string, reason: string][] = [
    [`src=${file}`, "id is required"],
    [`id=key,src=${file},env=HOME`, "secret key: src and env exclude each other"],
    ["id=key", "secret key: src or env is required"],
    [`id=key,src=${file},colour=red`, "unexpected key 'colour' in 'colour=red'"],
    [`id=key,src=${file},constructor=1`, "unexpected key 'constructor' in 'constructor=1'"],
    [`id=key,src=${file},mode`, "invalid field 'mode' must be a key=value pair"],
    [`id=key,src=${folder}/absent`, `open ${folder}/absent: no such file or directory`],
    [`id=key,src=${folder}`, `read ${folder}: is a directory`],
    ["id=key,env=NOT_SET_ANYWHERE", "secret key: environment variable 'NOT_SET_ANYWHERE' is not set"],
    [`id=key,src=${big}`, "secret key: secret data must be larger than 0 and less than 512000 bytes"],
    ["id=key,src=/dev/null", "secret key: secret data must be larger than 0 and less than 512000 bytes"],
    [`id=../key,src=${file}`, "invalid secret id '../key': it must not contain '/'"],
    [`id=key,src=${file},mode=999`, "secret key: invalid mode: '999'"],
    [`id=key,src=${file},uid=root`, "secret key: invalid uid: 'root' is not a number"],
  ];
  for (const [spec, reason] of cases) {
    const { code, stderr } = await dhow("create", "--secret", spec, "busybox", "true");
    expect({ spec, code: code !== 0, stderr }).toEqual({ spec, code: true, stderr: expect.stringContaining(reason) });
  }
  expect((await dhow("ps", "-aq")).stdout).toBe("");
});

test("bad input on the wire is refused with 400, without the value", async () => {
  const good = { Name: "key", Data: Buffer.from(value).toString("base64") };
  const cases: [secret: unknown, reason: string][] = [
    [{ ...good, Name: "a/b" }, "invalid secret name"],
    [{ ...good, Name: "" }, "invalid secret name"],
    [{ ...good, Name: ".." }, "invalid secret name"],
    [{ Name: "key" }, "secret key: secret data must be larger than 0"],
    [{ ...good, Data: "A".repeat(700_000) }, "less than 512000 bytes"],
    [{ ...good, Data: [value] }, "Expected base64"],
    [{ ...good, Mode: 0o4755 }, "secret key: invalid mode: 4755"],
    [{ ...good, UID: -1 }, "secret key: invalid uid: -1"],
    [{ ...good, Target: "../../etc/passwd" }, "secret key: invalid target: '../../etc/passwd'"],
    [{ ...good, Target: "/" }, "secret key: invalid target: '/'"],
    [{ ...good, Target: "/run/secrets" }, "secret key: invalid target: '/run/secrets'"],
  ];
  const create = (Secrets: unknown[]) =>
    daemon().api<{ message: string }>("POST", "/containers/create", { Image: "busybox", HostConfig: { Secrets } });
  for (const [secret, reason] of cases) {
    const { status, body } = await create([secret]);
    expect({ status, message: body.message }).toEqual({ status: 400, message: expect.stringContaining(reason) });
    expect(body.message).not.toContain(value);
  }
  expect((await create([good, good])).body.message).toBe("secret key is given twice");
  expect((await create([good, { ...good, Name: "other", Target: "key/below" }])).body.message).toBe(
    "secret other has a conflicting target: '/run/secrets/key/below'",
  );
});

test("an engine that is not dhow's does not get to see the value", async () => {
  const socket = join(folder, "other.sock");
  let received = "";
  const server = createServer((stream) => {
    stream.on("data", (bytes) => {
      received += bytes.toString("latin1");
      stream.write(
        "HTTP/1.1 200 OK\r\nServer: Docker/28.5.2 (linux)\r\nApi-Version: 1.51\r\nContent-Length: 0\r\n\r\n".repeat(2),
      );
    });
    stream.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const { code, stderr } = await runClient("dhow", socket, [
    "run",
    "--secret",
    `id=key,src=${file}`,
    "busybox",
    "true",
  ]);
  server.close();
  expect(stderr).toContain("--secret needs dhow's engine: this one is Docker/28.5.2 (linux)");
  expect(code).toBe(125);
  expect(received).toContain("/_ping");
  expect(traces.filter((trace) => received.includes(trace))).toEqual([]);
  expect(existsSync(socket)).toBe(false);
});
