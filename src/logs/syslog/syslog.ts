/** The driver `syslog`. */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { invalidArgument, unavailable } from "../../lib/errors.ts";
import { systemWords } from "../../linux/strerror.ts";
import { DatagramSocket } from "../datagram-socket.ts";
import type { LogDriver, LogInfo, LogMessage, LogOptions, LogSink } from "../driver.ts";
import { tagOf } from "../log-info.ts";
import { StreamSocket, type TlsOptions } from "../stream-socket.ts";
import { UnixDatagramSocket } from "../unix-datagram-socket.ts";
import { checkSocketExists, parseSyslogAddress, type SyslogAddress } from "./address.ts";
import { formatSyslog, type Sender, type SyslogFormat, syslogFormats } from "./format.ts";

const facilities: readonly string[] = [
  ..."kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split(" "),
  ...["", "", "", ""],
  ...Array.from({ length: 8 }, (_, i) => `local${i}`),
];

/** Where a host's own syslog may listen. */
const localPaths = ["/dev/log", "/var/run/syslog", "/var/run/log"];

export const syslogDriver: LogDriver = {
  check(options) {
    checkSocketExists(parseSyslogAddress(options["syslog-address"]));
    parseFacility(options["syslog-facility"]);
    parseFormat(options["syslog-format"]);
  },
  open(info) {
    const { config } = info;
    const address = parseSyslogAddress(config["syslog-address"]);
    const format = parseFormat(config["syslog-format"]);
    const sender = senderOf(info);
    // RFC 5425 counts its messages; every other stream is cut at newlines.
    const counted = address.network === "tcp+tls" && format.startsWith("rfc5424");
    const render = (message: LogMessage): Buffer => {
      const text = formatSyslog(format, sender, message);
      return Buffer.from(counted ? `${Buffer.byteLength(text)} ${text}` : text);
    };
    return {
      connectsFirst: true,
      // A syslog that is gone never stops what logs to it.
      holdsFor: "slow",
      connect: async (signal) => {
        const tls = address.network === "tcp+tls" ? readTls(config) : undefined;
        return connect(address, tls, render, signal);
      },
    };
  },
};

function senderOf(info: LogInfo): Sender {
  const facility = parseFacility(info.config["syslog-facility"]) << 3;
  return { facility, hostname: hostname(), tag: tagOf(info, "{{.ID}}"), pid: process.pid };
}

function parseFacility(text: string | undefined): number {
  if (!text) return facilities.indexOf("daemon");
  const index = facilities.indexOf(text);
  if (index !== -1) return index;
  if (/^\+?\d{1,3}$/.test(text) && Number(text) < facilities.length) return Number(text);
  throw invalidArgument("invalid syslog facility");
}

function parseFormat(text = ""): SyslogFormat {
  const format = syslogFormats.find((known) => known === text);
  if (format === undefined) throw invalidArgument("Invalid syslog format");
  return format;
}

function readTls(config: LogOptions): TlsOptions {
  const { "syslog-tls-ca-cert": caPath, "syslog-tls-cert": cert = "", "syslog-tls-key": key = "" } = config;
  const ca = caPath ? { ca: readTlsFile(caPath, `could not read CA certificate ${JSON.stringify(caPath)}`) } : {};
  // One without the other is a file with an empty name, for dockerd too.
  const [certFile, keyFile] =
    cert === "" && key === "" ? [] : [cert, key].map((path) => readTlsFile(path, "Could not load X509 key pair"));
  return {
    rejectUnauthorized: config["syslog-tls-skip-verify"] === undefined,
    ...ca,
    ...(certFile && keyFile && { cert: certFile, key: keyFile }),
  };
}

function readTlsFile(path: string, failed: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${failed}: open ${path}: ${systemWords(error)}`);
  }
}

async function connect(
  address: SyslogAddress,
  tls: TlsOptions | undefined,
  render: (message: LogMessage) => Buffer,
  signal: AbortSignal,
): Promise<LogSink> {
  switch (address.network) {
    case "udp":
      return oneByOne(await DatagramSocket.open(address.host, address.port), render);
    case "unixgram":
      return oneByOne(new UnixDatagramSocket(address.path), render);
    case "unix":
      return inOne(await StreamSocket.connect({ path: address.path }, signal), render);
    case "":
      return connectLocal(render, signal);
    default: {
      const host = address.host || "127.0.0.1";
      return inOne(await StreamSocket.connect({ host, port: address.port, ...(tls && { tls }) }, signal), render);
    }
  }
}

async function connectLocal(render: (message: LogMessage) => Buffer, signal: AbortSignal): Promise<LogSink> {
  for (const path of localPaths.filter((each) => existsSync(each))) {
    try {
      return oneByOne(new UnixDatagramSocket(path), render);
    } catch {
      const stream = await StreamSocket.connect({ path }, signal).catch(() => null);
      if (stream) return inOne(stream, render);
    }
  }
  throw unavailable("Unix syslog delivery error");
}

function oneByOne(
  socket: Disposable & { send(bytes: Uint8Array): Promise<unknown> },
  render: (message: LogMessage) => Buffer,
): LogSink {
  return {
    async send(messages) {
      for (const message of messages) await socket.send(render(message));
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

function inOne(socket: StreamSocket, render: (message: LogMessage) => Buffer): LogSink {
  return {
    send: (messages) => socket.write(Buffer.concat(messages.map(render))),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
