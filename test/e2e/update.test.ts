/** What `update` changes of a running container: ports, labels, log options, and nothing where it refuses. */
import { afterEach, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { until } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";
import { ask } from "./network-outside.ts";

const daemon = withDaemon();

const cli = (...args: string[]) => daemon().run("dhow", ...args);
const shown = async (name: string, format: string) => (await cli("inspect", "-f", format, name)).stdout.trim();
const ports = (name: string) => shown(name, "{{json .NetworkSettings.Ports}}");
const bindings = (name: string) => shown(name, "{{json .HostConfig.PortBindings}}");
const page = "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www";
const first = 21_000 + 2 * (process.pid % 1000);
const [one, two] = [`${first}`, `${first + 1}`];
const serve = (name: string, ...flags: string[]) =>
  daemon().must("run", "-d", "--name", name, "--stop-timeout", "0", ...flags, "busybox", "sh", "-c", page);
const answers = async (port: string) => (await ask(null, `http://127.0.0.1:${port}/`)) === 200;

afterEach(async () => {
  const names = (await daemon().must("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (names.length > 0) await daemon().must("rm", "-f", ...names);
});

test("--publish-add and --publish-rm change the ports of a running container, and its records", async () => {
  await serve("web", "-p", `127.0.0.1:${one}:80`);
  await until("an answer", () => answers(one));
  await daemon().must("update", "--publish-add", `127.0.0.1:${two}:80`, "web");
  expect(await answers(one)).toBe(true);
  expect(await answers(two)).toBe(true);
  expect((await cli("port", "web")).stdout).toBe(`80/tcp -> 127.0.0.1:${one}\n80/tcp -> 127.0.0.1:${two}\n`);
  await daemon().must("update", "--publish-rm", `${one}:80`, "web");
  expect(await answers(one)).toBe(false);
  expect(await answers(two)).toBe(true);
  expect(await ports("web")).toBe(`{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"${two}"}]}`);
  expect(await bindings("web")).toBe(`{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"${two}"}]}`);
  await daemon().kill9();
  await daemon().start();
  expect(await answers(two)).toBe(true);
  await daemon().must("restart", "web");
  await until("an answer", () => answers(two));
  expect(await answers(one)).toBe(false);
});

test("one update may move a host port to another port of the container", async () => {
  await serve("moved", "-p", `127.0.0.1:${one}:81`);
  expect(await answers(one)).toBe(false);
  await daemon().must("update", "--publish-rm", `${one}:81`, "--publish-add", `127.0.0.1:${one}:80`, "moved");
  await until("an answer", () => answers(one));
  expect(await ports("moved")).toBe(`{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"${one}"}],"81/tcp":null}`);
});

test("a port that was chosen freely is taken back by its number", async () => {
  await serve("free", "-p", "127.0.0.1::80");
  const given = (await cli("port", "free", "80")).stdout.trim().split(":")[1] ?? "";
  await daemon().must("update", "--publish-rm", `${given}:80`, "free");
  expect(await bindings("free")).toBe("{}");
  expect(await answers(given)).toBe(false);
});

test("a port that is taken is refused in Docker's words, and nothing has changed", async () => {
  await serve("holder", "-p", `127.0.0.1:${one}:80`);
  await serve("other", "-p", `127.0.0.1:${two}:80`);
  const before = await cli("inspect", "other");
  const update = (...flags: string[]) => cli("update", ...flags, "other");
  const taken = await update("--publish-rm", "80", "--publish-add", `127.0.0.1:${one}:80`, "--memory", "64m");
  expect(taken.code).toBe(1);
  expect(taken.stderr).toContain(`Bind for 127.0.0.1:${one} failed: port is already allocated`);
  const foreign = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => foreign.once("listening", resolve));
  const { port } = foreign.address() as { port: number };
  // Half of what is asked for could be had.
  const half = await update("--publish-add", "127.0.0.1::80", "--publish-add", `127.0.0.1:${port}:80`);
  expect(half.stderr).toContain(`failed to bind host port for 127.0.0.1:${port}: address already in use`);
  foreign.close();
  expect((await update("--publish-rm", "90")).stderr).toContain("no public port '90/tcp' published for other");
  expect((await cli("inspect", "other")).stdout).toBe(before.stdout);
  await until("an answer", () => answers(two));
});

test("a stopped container keeps what was changed for its next start", async () => {
  await serve("still");
  await daemon().must("stop", "still");
  await daemon().must("update", "--publish-add", `127.0.0.1:${one}:80`, "still");
  await daemon().must("start", "still");
  await until("an answer", () => answers(one));
});

test("labels, log options, limits and restart policy change together", async () => {
  await serve("many", "-l", "a=1", "-l", "b=2");
  const change = ["--label-add", "c=3", "--label-add", "a=9", "--label-rm", "b", "--log-opt", "max-size=1m"];
  await daemon().must("update", ...change, "--memory", "64m", "--restart", "on-failure:3", "many");
  expect(await shown("many", "{{json .Config.Labels}}")).toBe('{"a":"9","c":"3"}');
  expect(await shown("many", "{{json .HostConfig.LogConfig.Config}} {{.HostConfig.Memory}}")).toBe(
    '{"max-size":"1m"} 67108864',
  );
  expect(await shown("many", "{{json .HostConfig.RestartPolicy}}")).toBe('{"Name":"on-failure","MaximumRetryCount":3}');
  expect((await cli("ps", "-q", "--filter", "label=c=3")).stdout).not.toBe("");
  const refused = await cli("update", "--label-add", "d=4", "--log-opt", "max-size=many", "many");
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("invalid size: 'many'")]);
  expect((await cli("update", "--log-opt", "nonesuch=1", "many")).stderr).toContain("unknown log opt 'nonesuch'");
  expect(await shown("many", "{{json .Config.Labels}}")).toBe('{"a":"9","c":"3"}');
});

test("log options of a running container hold from the next line on", async () => {
  const talk = "while :; do echo 0123456789012345678901234567890123456789; sleep 0.01; done";
  await daemon().must("run", "-d", "--name", "talk", "--stop-timeout", "0", "busybox", "sh", "-c", talk);
  const path = await shown("talk", "{{.LogPath}}");
  await until("some lines", () => existsSync(path) && statSync(path).size > 5_000);
  await daemon().must("update", "--log-opt", "max-size=4k", "--log-opt", "max-file=2", "talk");
  await until("a second file", () => existsSync(`${path}.1`));
  await until("its rotation", () => statSync(`${path}.1`).size < 5_000);
  expect(existsSync(`${path}.2`)).toBe(false);
});

test("a running container's log goes where other options say, and nowhere where they are none", async () => {
  const sink = () => {
    const socket = createSocket("udp4");
    const texts: string[] = [];
    socket.on("message", (bytes) => texts.push(String(bytes)));
    const bound = new Promise<string>((resolve) =>
      socket.bind(0, "127.0.0.1", () => resolve(`udp://127.0.0.1:${socket.address().port}`)),
    );
    return { texts, bound, [Symbol.dispose]: () => socket.close() };
  };
  using old = sink();
  using other = sink();
  const options = ["--log-driver", "syslog", "--log-opt", `syslog-address=${await old.bound}`];
  const talk = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done";
  await daemon().must("run", "-d", "--name", "moves", "--stop-timeout", "0", ...options, "busybox", "sh", "-c", talk);
  await until("some lines", () => old.texts.length > 3);
  const bad = await cli("update", "--log-opt", "tag={{.Nope}}", "moves");
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining("can't evaluate field Nope")]);
  await daemon().must("update", "--log-opt", `syslog-address=${await other.bound}`, "--log-opt", "tag=new", "moves");
  await until("some lines there", () => other.texts.length > 3);
  const numberOf = (text: string | undefined) => Number(/line (\d+)/.exec(text ?? "")?.[1]);
  expect(other.texts[0]).toContain(" new[");
  // A batch that was on its way may have come twice, but none is missing.
  expect(numberOf(other.texts[0])).toBeLessThanOrEqual(numberOf(old.texts.at(-1)) + 1);
  const before = old.texts.length;
  await until("more lines", () => other.texts.length > 10);
  expect(old.texts.length).toBe(before);
});

test("limits are judged before the container is looked for, in dockerd's words", async () => {
  const update = async (...flags: string[]) => (await cli("update", ...flags, "nonesuch")).stderr.trim();
  const says = "Error response from daemon: ";
  expect(await update("--cpuset-mems", "99")).toMatch(
    /Requested memory nodes are not available - requested 99, available: 0/,
  );
  expect(await update("--memory", "1m")).toBe(`${says}Minimum memory limit allowed is 6MB`);
  expect(await update("--restart", "foo")).toContain("invalid restart policy: unknown policy 'foo'");
  expect(await update("--memory-swap", "1m")).toBe(`${says}No such container: nonesuch`);
  expect(await update("--cpu-shares", "1")).toBe(`${says}No such container: nonesuch`);
});

test("ports of a container without a network of its own are refused", async () => {
  await daemon().must("run", "-d", "--name", "host", "--network", "none", "busybox", "sleep", "60");
  expect((await cli("update", "--publish-add", "80", "host")).stderr).toContain(
    "ports of container host cannot be published in network mode none",
  );
});

test("what dockerd's update passes over stays as the container was made, and what this host ignores is not kept", async () => {
  const id = (await daemon().must("run", "-d", "--stop-timeout", "0", "busybox", "sleep", "60")).trim();
  const format = "{{.HostConfig.CgroupParent}} {{json .HostConfig.Ulimits}} {{json .HostConfig.Devices}}";
  const made = await shown(id, format);
  const change = async (body: object) =>
    (await daemon().api<{ Warnings: string[] | null }>("POST", `/containers/${id}/update`, body)).body.Warnings;
  const Ulimits = [{ Name: "nofile", Soft: 10, Hard: 10 }];
  const Devices = [{ PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "rwm" }];
  expect(await change({ CgroupParent: "/other", Ulimits, Devices, CpuShares: 300 })).toBeNull();
  expect(await shown(id, format)).toBe(made);
  expect(await shown(id, "{{.HostConfig.CpuShares}}")).toBe("300");
  const warnings = await change({ BlkioWeight: 300 });
  expect(await shown(id, "{{.HostConfig.BlkioWeight}}")).toBe(warnings === null ? "300" : "0");
  expect(await change({ CpuShares: 400 })).toBeNull();
});

test("through the API too a port has one spelling, and the record says what the kernel has", async () => {
  await serve("spelt");
  const change = (body: object) => daemon().api("POST", "/containers/spelt/update", body);
  expect((await change({ PublishAdd: { "80": [{ HostIp: "127.0.0.1", HostPort: `0${one}` }] } })).status).toBe(200);
  await until("an answer", () => answers(one));
  expect(await bindings("spelt")).toBe(`{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"${one}"}]}`);
  expect((await change({ PublishAdd: { "80/tcp": null } })).status).toBe(200);
  expect(Object.values(JSON.parse(await ports("spelt"))).flat().length).toBeGreaterThan(1);
  expect((await change({ PublishRemove: { "80/tcp": [{ HostPort: `0${one}` }] } })).status).toBe(200);
  expect(await bindings("spelt")).toBe('{"80/tcp":[{"HostIp":"","HostPort":""}]}');
  expect((await change({ PublishRemove: { "80/tcp": [] } })).status).toBe(200);
  expect([await bindings("spelt"), await ports("spelt")]).toEqual(["{}", '{"80/tcp":null}']);
  const odd = await change(JSON.parse('{"PublishAdd":{"__proto__":[{"HostPort":"8080"}]}}'));
  expect(odd).toMatchObject({ status: 400, body: { message: 'invalid port specification: "__proto__"' } });
});
