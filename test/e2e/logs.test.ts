/** Log drivers and rotation of the compiled binary, through both clients, with real sinks on loopback. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { StreamSink, UdpSink } from "../../src/logs/fixtures/sinks.ts";
import { until } from "../harness/command.ts";
import { supervisorPid } from "../harness/crash.ts";
import { clients, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const seq = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);
const opts = (options: Record<string, string>): string[] =>
  Object.entries(options).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]);
/** What follows `tag[pid]: ` in each line of a syslog. */
const said = (sink: StreamSink): string[] => sink.text.split("\n").flatMap((line) => line.split("]: ")[1] ?? []);

describe.each([...clients])("%s", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const shown = async (name: string, format: string) => (await cli("inspect", "-f", format, name)).stdout.trim();
  const lines = async (...args: string[]) => (await cli("logs", ...args)).stdout.trimEnd().split("\n");

  test("json-file without options is kept to 5 files of 20 MB, packed, where log shippers look", async () => {
    const id = (
      await cli(
        "run",
        "-d",
        "--name",
        "big",
        "busybox",
        "sh",
        "-c",
        `yes ${"x".repeat(2000)} | head -n 11000; echo end`,
      )
    ).stdout.trim();
    await cli("wait", "big");
    const path = await shown("big", "{{.LogPath}}");
    expect(path).toBe(join(daemon().dataRoot, "containers", id, `${id}-json.log`));
    await until("the packed file", () => existsSync(`${path}.1.gz`) && !existsSync(`${path}.1`));
    expect(gunzipSync(readFileSync(`${path}.1.gz`)).length).toBeGreaterThan(19_900_000);
    expect(gunzipSync(readFileSync(`${path}.1.gz`)).length).toBeLessThanOrEqual(20_100_000);
    expect(statSync(path).size).toBeLessThan(20_000_000);
    expect(await shown("big", "{{json .HostConfig.LogConfig}}")).toBe('{"Type":"json-file","Config":{}}');
    const all = await lines("big");
    expect([all.length, all.at(-1)]).toEqual([11001, "end"]);
    expect(await lines("--tail", "2", "big")).toEqual(["x".repeat(2000), "end"]);
    await cli("rm", "big");
  }, 60_000);

  test("logs reads across rotated and packed files: tail, since, until, timestamps, follow", async () => {
    const script =
      "for i in $(seq 200); do echo $i; done; touch /half; until [ -e /go ]; do sleep 0.05; done; seq 201 400";
    const small = opts({ "max-size": "2k", "max-file": "50", compress: "true" });
    const id = (await cli("run", "-d", "--name", "turn", ...small, "busybox", "sh", "-c", script)).stdout.trim();
    const following = cli("logs", "-f", "turn");
    await until("the first half", async () => (await cli("exec", "turn", "ls", "/half")).code === 0);
    await cli("exec", "turn", "touch", "/go");
    expect((await following).stdout.trimEnd().split("\n")).toEqual(seq(1, 400));
    const directory = join(daemon().dataRoot, "containers", id);
    await until("packing", () => readdirSync(directory).filter((name) => /log\.\d+\.gz$/.test(name)).length > 10);
    expect(await lines("turn")).toEqual(seq(1, 400));
    expect(await lines("--tail", "150", "turn")).toEqual(seq(251, 400));
    const stamped = await lines("-t", "turn");
    expect(stamped[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 1$/);
    const at = (line: number): string => stamped[line - 1]?.split(" ")[0] ?? "";
    const within = await lines("--since", at(201), "--until", at(400), "turn");
    expect([within.at(-1), within.includes("1"), within.includes("201")]).toEqual(["400", false, true]);
    await cli("rm", "turn");
  }, 60_000);

  test("labels, variables and a tag go along with each entry, and --details shows them as dockerd does", async () => {
    // biome-ignore format: one command line
    await cli("run", "--name", "told", "-l", "a=b", "-e", "E F=x y", ...opts({ labels: "a", "env-regex": "^E", tag: "{{.Name}}/{{.ImageName}}" }),
      "busybox", "sh", "-c", "echo hi; printf part");
    const line = /^(\S+) E\+F=x\+y,a=b,tag=told%2Fbusybox (.*)$/;
    const [first = "", second = ""] = await lines("--details", "-t", "told");
    expect([line.exec(first)?.[2], line.exec(second)?.[2]]).toEqual(["hi", "part"]);
    expect(readFileSync(await shown("told", "{{.LogPath}}"), "utf8")).toStartWith(
      '{"log":"hi\\n","stream":"stdout","attrs":{"E F":"x y","a":"b","tag":"told/busybox"},"time":"',
    );
    await cli("rm", "told");
  });

  test("syslog over TCP is delivered, read back by logs, and goes on over a daemon that was killed", async () => {
    await using sink = await StreamSink.open();
    const address = opts({ "syslog-address": `tcp://127.0.0.1:${sink.port}` });
    const script = "for i in $(seq 300); do echo $i; sleep 0.01; done";
    await cli("run", "-d", "--name", "far", "--log-driver", "syslog", ...address, "busybox", "sh", "-c", script);
    await until("some lines", () => said(sink).length > 20);
    await daemon().kill9();
    await Bun.sleep(500);
    await daemon().start();
    await cli("wait", "far");
    await until("the last line", () => said(sink).at(-1) === "300");
    const delivered = said(sink);
    expect([...new Set(delivered)]).toEqual(seq(1, 300));
    // A batch that was sent and not noted before the kill may come twice.
    expect(delivered.length).toBeLessThan(320);
    expect(await lines("far")).toEqual(seq(1, 300));
    expect(await lines("--tail", "2", "far")).toEqual(["299", "300"]);
    expect(await shown("far", "{{.LogPath}}")).toBe("");
    await cli("rm", "far");
  }, 60_000);

  test("nor does a killed supervisor lose or double what is delivered, across rotations of the cache", async () => {
    await using sink = await StreamSink.open();
    const to = { "syslog-address": `tcp://127.0.0.1:${sink.port}`, "cache-max-size": "2k" };
    const script = "for i in $(seq 200); do echo $i; sleep 0.01; done";
    await cli("run", "-d", "--name", "far", "--log-driver", "syslog", ...opts(to), "busybox", "sh", "-c", script);
    await until("some lines", () => said(sink).length > 50);
    process.kill(supervisorPid(daemon()), "SIGKILL");
    await cli("wait", "far");
    await until("the last line", () => said(sink).at(-1) === "200");
    expect(said(sink)).toEqual(seq(1, 200));
    await cli("rm", "far");
  }, 60_000);

  test("what ends at once and is removed is delivered by every driver", async () => {
    await using tcp = await StreamSink.open();
    await using udp = await UdpSink.open();
    const run = (driver: string, options: Record<string, string>) =>
      cli("run", "--rm", "--log-driver", driver, ...opts(options), "busybox", "echo", "gone");
    expect((await run("gelf", { "gelf-address": `udp://127.0.0.1:${udp.port}` })).stdout).toBe("gone\n");
    await until("a datagram", () => udp.datagrams.length > 0);
    expect(JSON.parse(gunzipSync(udp.datagrams[0] ?? Buffer.alloc(0)).toString()).short_message).toBe("gone");
    await run("syslog", { "syslog-address": `udp://127.0.0.1:${udp.port}`, tag: "t" });
    await until("a datagram", () => udp.datagrams.some((bytes) => /t\[\d+\]: gone\n$/.test(bytes.toString())));
    await run("gelf", { "gelf-address": `tcp://127.0.0.1:${tcp.port}` });
    await until("a message", () => tcp.text.includes('"short_message":"gone"'));
    await run("fluentd", { "fluentd-address": `127.0.0.1:${tcp.port}` });
    await until("an event", () => tcp.text.includes("container_name"));
  });

  test("cache-disabled leaves nothing to read, cache-max-size bounds what there is", async () => {
    await using udp = await UdpSink.open();
    const to = { "syslog-address": `udp://127.0.0.1:${udp.port}` };
    const run = (name: string, options: Record<string, string>) =>
      cli("run", "--name", name, "--log-driver", "syslog", ...opts({ ...to, ...options }), "busybox", "seq", "20000");
    await run("blind", { "cache-disabled": "true" });
    expect((await cli("logs", "blind")).stderr).toContain("configured logging driver does not support reading");
    const replayed = await daemon().api<{ message: string }>("POST", "/containers/blind/attach?logs=1&stdout=1");
    expect([replayed.status, replayed.body.message]).toEqual([
      501,
      "configured logging driver does not support reading",
    ]);
    await run("short", { "cache-max-size": "100k", "cache-max-file": "2" });
    const kept = await lines("short");
    expect([kept.at(-1), kept.length < 6000]).toEqual(["20000", true]);
    await cli("rm", "blind", "short");
  });

  test("a start without its sink fails in dockerd's words and gives everything back", async () => {
    const failed = async (driver: string, words: string, options: Record<string, string>) => {
      const { code, stderr } = await cli(
        "run",
        "--name",
        "nobody",
        "--log-driver",
        driver,
        ...opts(options),
        "busybox",
        "true",
      );
      const prefix = "failed to create task for container: failed to initialize logging driver: ";
      expect([code, stderr]).toEqual([125, expect.stringContaining(prefix + words)]);
      expect(await shown("nobody", "{{.State.Status}}")).toBe("created");
      await cli("rm", "nobody");
    };
    const refused = "dial tcp 127.0.0.1:1: connect: connection refused";
    await failed("syslog", refused, { "syslog-address": "tcp://127.0.0.1:1" });
    await failed("fluentd", refused, { "fluentd-address": "127.0.0.1:1" });
    await failed("gelf", `gelf: cannot connect to GELF endpoint: 127.0.0.1:1 ${refused}`, {
      "gelf-address": "tcp://127.0.0.1:1",
    });
    if (!existsSync("/run/systemd/journal/socket"))
      await failed("journald", "journald is not enabled on this host", {});
    await failed("json-file", "template: log-tag:1:2:", { tag: "{{.Foo}}" });
  });

  test("hardening 183: a sink that takes nothing holds only its own blocking container", async () => {
    await using sink = await StreamSink.open();
    sink.onConnection = (socket) => void socket.pause();
    const flood = (name: string, mode: string) =>
      // biome-ignore format: one command line
      cli("run", "-d", "--name", name, "--log-driver", "syslog",
        ...opts({ "syslog-address": `tcp://127.0.0.1:${sink.port}`, mode, "cache-max-size": "1m", "cache-max-file": "2" }),
        "busybox", "sh", "-c", `yes ${"x".repeat(500)} | head -n 40000; echo end`);
    await flood("held", "blocking");
    await flood("free", "non-blocking");
    await until(
      "the end of the non-blocking one",
      async () => (await shown("free", "{{.State.Status}}")) === "exited",
      30_000,
    );
    expect(await lines("--tail", "1", "free")).toEqual(["end"]);
    await Bun.sleep(500);
    expect(await shown("held", "{{.State.Status}}")).toBe("running");
    const from = performance.now();
    expect((await cli("run", "--rm", "busybox", "echo", "sibling")).stdout).toBe("sibling\n");
    expect((await cli("ps", "-q")).code).toBe(0);
    expect(performance.now() - from).toBeLessThan(3000);
    for (const { socket } of sink.connections) socket.resume();
    sink.onConnection = () => {};
    await until("the end of the held one", async () => (await shown("held", "{{.State.Status}}")) === "exited", 30_000);
    await until("all of it", () => said(sink).filter((line) => line === "end").length >= 1, 30_000);
    await cli("rm", "held", "free");
  }, 90_000);
});

describe("the daemon's defaults", () => {
  test("log-driver and log-opts of daemon.json are for containers that say nothing, and are checked at the start", async () => {
    await using udp = await UdpSink.open();
    const given = TestDaemon.reserve();
    const file = join(given.root, "daemon.json");
    await using _ = given;
    const configured = await TestDaemon.start({
      flags: [`--config-file=${file}`],
    }).catch((error: unknown) => String(error));
    expect(String(configured)).toContain("unable to configure the Docker daemon with file");
    const logOpts = { "syslog-address": `udp://127.0.0.1:${udp.port}`, tag: "d", "cache-max-file": "2" };
    writeFileSync(file, JSON.stringify({ "log-driver": "syslog", "log-opts": logOpts }));
    await using daemon = await TestDaemon.start({ flags: [`--config-file=${file}`] });
    await daemon.docker("import", await busyboxTar(), "busybox:latest");
    expect((await daemon.docker("info", "-f", "{{.LoggingDriver}} {{.Plugins.Log}}")).stdout.trim()).toBe(
      "syslog [fluentd gelf journald json-file local syslog]",
    );
    await daemon.must("run", "--name", "plain", "busybox", "echo", "by default");
    await until("a datagram", () => udp.datagrams.some((bytes) => /d\[\d+\]: by default\n$/.test(bytes.toString())));
    await daemon.must("run", "--name", "own", "--log-driver", "json-file", "busybox", "echo", "own");
    const config = await daemon.must("inspect", "-f", "{{json .HostConfig.LogConfig.Config}}", "own");
    expect(config.trim()).toBe('{"cache-max-file":"2"}');
    expect(await daemon.must("logs", "own")).toBe("own\n");
    await daemon.must("rm", "plain", "own");
    const bad = await TestDaemon.start({ flags: ["--log-opt=foo=1"] }).catch((error: unknown) => String(error));
    expect(String(bad)).toContain("failed to set log opts: unknown log opt 'foo' for json-file log driver");
  }, 60_000);
});

test("an end at 0 is none, as dockerd takes it", async () => {
  await daemon().must("run", "--name", "whole", "busybox", "echo", "all");
  expect((await daemon().docker("logs", "--until", "0", "whole")).stdout).toBe("all\n");
  await daemon().must("rm", "whole");
});
