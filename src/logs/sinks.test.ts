/** Every driver against a real sink; the bytes are those that dockerd 28.5.2 sent. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { gunzipSync, inflateSync } from "node:zlib";
import type { LogDriver, LogMessage, LogSink } from "./driver.ts";
import { at, info, message, StreamSink, UdpSink, until } from "./fixtures/sinks.ts";
import { fluentdDriver } from "./fluentd.ts";
import { gelfDriver } from "./gelf.ts";
import { journaldDriver } from "./journald.ts";
import { syslogDriver } from "./syslog/syslog.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync("/tmp/dhow-sinks-");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const never = new AbortController().signal;
const connect = (driver: LogDriver, config: Record<string, string>): Promise<LogSink> =>
  driver.open(info(config)).connect(never);
const both = [message("out"), message("err", { stream: "stderr" })];

async function sent(driver: LogDriver, config: Record<string, string>, messages: LogMessage[] = both): Promise<void> {
  using sink = await connect(driver, config);
  await sink.send(messages);
}

/** Python, because Bun has no unix datagram sockets to listen on. */
function unixDatagrams(path: string) {
  const script = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(1 << 20, socket.CMSG_LEN(4))
    for _, _, fds in ancillary:
        with os.fdopen(array.array("i", fds)[0], "rb") as f:
            f.seek(0)
            data = f.read()
    print(data.hex(), flush=True)
`;
  const child = Bun.spawn(["python3", "-c", script, path], { stdout: "pipe", stderr: "inherit" });
  const lines: string[] = [];
  void (async () => {
    let text = "";
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      const parts = text.split("\n");
      text = parts.pop() ?? "";
      lines.push(...parts);
    }
  })();
  return {
    ready: () => until(() => lines.length > 0),
    datagrams: () => lines.slice(1).map((line) => Buffer.from(line, "hex")),
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

describe("syslog", () => {
  const host = hostname();
  const { pid } = process;
  const id = "0123456789ab";
  const date = new Date(Number(at / 1_000_000n));
  const clock = date.toTimeString().slice(0, 8);
  const stamp = `Jan ${String(date.getDate()).padStart(2, " ")} ${clock}`;

  test.each([
    ["", `<30>${stamp} ${id}[${pid}]: out\n`],
    ["rfc3164", `<30>${stamp} ${host} ${id}[${pid}]: out\n`],
    ["rfc5424", `<30>1 2026-01-02T03:04:05Z ${host} ${id} ${pid} ${id} - out\n`],
    ["rfc5424micro", `<30>1 2026-01-02T03:04:05.123456Z ${host} ${id} ${pid} ${id} - out\n`],
  ])("over UDP in the format %p", async (format, expected) => {
    await using udp = await UdpSink.open();
    await sent(syslogDriver, { "syslog-address": `udp://127.0.0.1:${udp.port}`, "syslog-format": format });
    await until(() => udp.datagrams.length === 2);
    expect(udp.datagrams.map(String)).toEqual([expected, expected.replace("<30>", "<27>").replace("out", "err")]);
  });

  test("over TCP, with facility and tag", async () => {
    await using tcp = await StreamSink.open();
    const address = `tcp://127.0.0.1:${tcp.port}`;
    await sent(syslogDriver, { "syslog-address": address, "syslog-facility": "local1", tag: "t/{{.Name}}" });
    await until(() => tcp.text.split("\n").length === 3);
    expect(tcp.text).toBe(`<142>${stamp} t/web[${pid}]: out\n<139>${stamp} t/web[${pid}]: err\n`);
  });

  test("RFC 5424 names the application by the whole tag, as far as it may be long", async () => {
    await using udp = await UdpSink.open();
    const tag = `team/web-${"x".repeat(60)}`;
    await sent(syslogDriver, { "syslog-address": `udp://127.0.0.1:${udp.port}`, "syslog-format": "rfc5424", tag });
    await until(() => udp.datagrams.length === 2);
    expect(String(udp.datagrams[0])).toEndWith(` ${tag.slice(0, 48)} ${pid} ${tag} - out\n`);
  });

  test("over TLS, messages counted in RFC 5424, and refuses a server it does not know", async () => {
    const [key, cert] = [join(directory, "key"), join(directory, "cert")];
    const made = Bun.spawnSync(
      // biome-ignore format: one command line
      ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=x",
        "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"],
    );
    expect(made.exitCode).toBe(0);
    const tls = { key: await Bun.file(key).text(), cert: await Bun.file(cert).text() };
    await using server = await StreamSink.open({ tls });
    const config = { "syslog-address": `tcp+tls://127.0.0.1:${server.port}`, "syslog-format": "rfc5424" };
    await sent(syslogDriver, { ...config, "syslog-tls-ca-cert": cert });
    const text = `<30>1 2026-01-02T03:04:05Z ${host} ${id} ${pid} ${id} - out\n`;
    await until(() => server.text.includes("err"));
    expect(server.text).toStartWith(`${text.length} ${text}`);
    await sent(syslogDriver, { ...config, "syslog-tls-skip-verify": "true" });
    const refused = (more: object) => connect(syslogDriver, { ...config, ...more }).then(String, String);
    expect(await refused({})).toEndWith(
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    );
    expect(
      await refused({ "syslog-address": `tcp+tls://localhost:${server.port}`, "syslog-tls-ca-cert": cert }),
    ).toMatch(/x509: certificate is not valid for any names, but wanted to match localhost$/);
    expect(await refused({ "syslog-tls-ca-cert": "/nope" })).toEndWith(
      'could not read CA certificate "/nope": open /nope: no such file or directory',
    );
    expect(await refused({ "syslog-tls-cert": cert })).toEndWith(
      "Could not load X509 key pair: open : no such file or directory",
    );
  });

  test("over unix sockets, of streams and of datagrams", async () => {
    const stream = join(directory, "stream");
    await using listener = await StreamSink.open({ path: stream });
    await sent(syslogDriver, { "syslog-address": `unix://${stream}` });
    await until(() => listener.text.includes("err\n"));
    const gram = join(directory, "gram");
    await using datagrams = unixDatagrams(gram);
    await datagrams.ready();
    await sent(syslogDriver, { "syslog-address": `unixgram://${gram}` });
    await until(() => datagrams.datagrams().length === 2);
    expect(datagrams.datagrams().map(String)).toEqual(
      listener.text
        .trimEnd()
        .split("\n")
        .map((line) => `${line}\n`),
    );
  });

  test("refuses what nobody listens on in dockerd's words", async () => {
    await expect(connect(syslogDriver, { "syslog-address": "tcp://127.0.0.1:1" })).rejects.toThrow(
      "dial tcp 127.0.0.1:1: connect: connection refused",
    );
  });
});

describe("gelf", () => {
  const body = {
    version: "1.1",
    host: hostname(),
    short_message: "out",
    timestamp: 1767323045.123,
    level: 6,
    _team: "blue",
    _command: "sh -c echo <hi>",
    _container_id: info({}).containerId,
    _container_name: "web",
    _created: "2026-01-02T03:04:05.6Z",
    _image_id: info({}).imageId,
    _image_name: "busybox",
    _tag: "0123456789ab",
  };

  test.each([
    ["gzip", gunzipSync],
    ["zlib", inflateSync],
    ["none", (bytes: Buffer) => bytes],
  ])("over UDP packed with %p", async (type, unpack) => {
    await using udp = await UdpSink.open();
    const address = `udp://127.0.0.1:${udp.port}`;
    await sent(gelfDriver, { "gelf-address": address, "gelf-compression-type": type, labels: "team" }, [
      ...both,
      message(""),
    ]);
    await until(() => udp.datagrams.length === 2);
    const [out, err] = udp.datagrams.map((bytes) => JSON.parse(unpack(bytes).toString()));
    expect(out).toEqual(body);
    expect(err).toMatchObject({ short_message: "err", level: 3 });
  });

  test("over UDP in chunks that share an id, when long", async () => {
    await using udp = await UdpSink.open();
    const line = "x".repeat(5000);
    const address = `udp://127.0.0.1:${udp.port}`;
    await sent(gelfDriver, { "gelf-address": address, "gelf-compression-type": "none" }, [message(line)]);
    await until(() => udp.datagrams.length === 4);
    const chunks = udp.datagrams.sort((a, b) => (a[10] ?? 0) - (b[10] ?? 0));
    for (const [i, chunk] of chunks.entries()) {
      expect(chunk.length).toBeLessThanOrEqual(1420);
      expect([...chunk.subarray(0, 2), chunk[10], chunk[11]]).toEqual([0x1e, 0x0f, i, 4]);
      expect(chunk.subarray(2, 10)).toEqual(chunks[0]?.subarray(2, 10) as Buffer);
    }
    expect(JSON.parse(Buffer.concat(chunks.map((chunk) => chunk.subarray(12))).toString()).short_message).toBe(line);
  });

  test("over TCP, each message ended by a zero byte", async () => {
    await using tcp = await StreamSink.open();
    await sent(gelfDriver, { "gelf-address": `tcp://127.0.0.1:${tcp.port}`, labels: "team" });
    await until(() => tcp.text.split("\0").length === 3);
    expect(JSON.parse(tcp.text.split("\0")[0] ?? "")).toEqual(body);
    await expect(connect(gelfDriver, { "gelf-address": "tcp://127.0.0.1:1" })).rejects.toThrow(
      "gelf: cannot connect to GELF endpoint: 127.0.0.1:1 dial tcp 127.0.0.1:1: connect: connection refused",
    );
  });
});

describe("fluentd", () => {
  const id = info({}).containerId;
  const text = (value: string): string =>
    value.length < 32
      ? String.fromCharCode(0xa0 | value.length) + value
      : `\xd9${String.fromCharCode(value.length)}${value}`;
  const record = (source: string, log: string, extra: string[] = []): string =>
    `${String.fromCharCode(0x80 | (4 + extra.length / 2))}${["container_id", id, "container_name", "/web", "source", source, "log", log, ...extra].map(text).join("")}`;
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(Number(at / 1_000_000_000n));
  const raw = (tcp: StreamSink): string =>
    Buffer.concat(tcp.connections.flatMap(({ chunks }) => chunks)).toString("latin1");

  test("sends one event a message, in seconds", async () => {
    await using tcp = await StreamSink.open();
    await sent(fluentdDriver, { "fluentd-address": `127.0.0.1:${tcp.port}`, env: "COLOUR" });
    const event = (source: string, log: string): string =>
      `\x94${text("0123456789ab")}\xce${seconds.toString("latin1")}${record(source, log, ["COLOUR", "red"])}\x80`;
    await until(() => raw(tcp).length >= 2 * event("stdout", "out").length);
    expect(raw(tcp)).toBe(event("stdout", "out") + event("stderr", "err"));
  });

  test("sends nanoseconds and the parts of a line", async () => {
    await using tcp = await StreamSink.open();
    await sent(
      fluentdDriver,
      { "fluentd-address": `tcp://127.0.0.1:${tcp.port}`, "fluentd-sub-second-precision": "true", tag: "t" },
      [message("x", { partial: { id: "p", ordinal: 2, last: true } })],
    );
    const part = ["partial_message", "true", "partial_id", "p", "partial_ordinal", "2", "partial_last", "true"];
    await until(() => raw(tcp).endsWith("\x80"));
    expect(raw(tcp)).toBe(
      `\x94\xa1t\xd7\0${seconds.toString("latin1")}\x07\x5b\xcd\x15${record("stdout", "x", part)}\x80`,
    );
  });

  test("waits for the acknowledgement, and sends again what got none", async () => {
    await using unix = await StreamSink.open({ path: join(directory, "fluentd") });
    const config = { "fluentd-address": `unix://${join(directory, "fluentd")}`, "fluentd-request-ack": "true" };
    unix.onChunk = (socket, chunk) => {
      const chunkId = chunk.toString("latin1").slice(-24);
      socket.write(Buffer.concat([Buffer.from([0x81, 0xa3]), Buffer.from("ack"), Buffer.from([0xb8])]));
      setTimeout(() => socket.write(chunkId), 20);
    };
    using sink = await connect(fluentdDriver, config);
    await sink.send(both);
    await sink.send(both);
    unix.onChunk = (socket) => socket.destroy();
    await expect(sink.send(both)).rejects.toThrow();
  });

  test("gives a write that takes too long up", async () => {
    await using tcp = await StreamSink.open();
    tcp.onConnection = (socket) => void socket.pause();
    const config = { "fluentd-address": `127.0.0.1:${tcp.port}`, "fluentd-write-timeout": "100ms" };
    using sink = await connect(fluentdDriver, config);
    const flood = async (): Promise<void> => {
      for (;;) await sink.send([message("x".repeat(1_000_000))]);
    };
    await expect(flood()).rejects.toThrow("write timed out");
  });

  test("is not waited for where it is asynchronous", () => {
    const open = (config: Record<string, string>) => fluentdDriver.open(info(config));
    expect(open({})).toMatchObject({ connectsFirst: true, holdsFor: "gone" });
    expect(open({ "fluentd-max-retries": "3" })).toMatchObject({ holdsFor: "slow" });
    expect(open({ "fluentd-async": "true" })).toMatchObject({ connectsFirst: false, holdsFor: "nothing" });
  });
});

describe("journald", () => {
  test("sends fields by the native protocol; what is too long, in a sealed file", async () => {
    const path = join(directory, "journal");
    await using journal = unixDatagrams(path);
    await journal.ready();
    const long = "x".repeat(400_000);
    await sent(journaldDriver(path), { labels: "com.example.x", tag: "{{.Name}}" }, [
      message("out"),
      message("two\nlines", { stream: "stderr", partial: { id: "p", ordinal: 1, last: false } }),
      message(long),
    ]);
    await until(() => journal.datagrams().length === 3);
    const [out = "", err = "", file = ""] = journal.datagrams().map(String);
    expect(out.split("\n").sort()).toEqual(
      [
        "",
        "COM_EXAMPLE_X=1",
        "CONTAINER_ID=0123456789ab",
        `CONTAINER_ID_FULL=${info({}).containerId}`,
        "CONTAINER_NAME=web",
        "CONTAINER_TAG=web",
        "IMAGE_NAME=busybox",
        "MESSAGE=out",
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=web",
        "SYSLOG_TIMESTAMP=2026-01-02T03:04:05.123456789Z",
      ].sort(),
    );
    expect(err).toContain("MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=3\n");
    expect(err).toContain("CONTAINER_PARTIAL_MESSAGE=true\nCONTAINER_PARTIAL_ID=p\nCONTAINER_PARTIAL_ORDINAL=1\n");
    expect(file).toContain(`MESSAGE=${long}\n`);
  });

  test("is refused where there is none", async () => {
    await expect(connect(journaldDriver("/nope"), {})).rejects.toThrow("journald is not enabled on this host");
  });
});
