/** The driver `gelf`: Graylog's extended log format, over UDP (packed, in chunks) or TCP (ended by a zero byte). */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { deflateSync, gzipSync } from "node:zlib";
import { invalidArgument, messageOf, unavailable } from "../lib/errors.ts";
import { DatagramSocket } from "./datagram-socket.ts";
import type { LogDriver, LogInfo, LogMessage, LogOptions, LogSink } from "./driver.ts";
import { commandOf, extraAttributes, tagOf } from "./log-info.ts";
import { hostPort, StreamSocket } from "./stream-socket.ts";

interface GelfAddress {
  readonly network: "udp" | "tcp";
  readonly host: string;
  readonly port: number;
}

const levels = { stdout: 6, stderr: 3 } as const;

export const gelfDriver: LogDriver = {
  check(options) {
    const address = parseAddress(options["gelf-address"]);
    for (const [name, value] of Object.entries(options)) checkOption(name, value, address);
  },
  open(info) {
    const address = parseAddress(info.config["gelf-address"]);
    const render = renderer(info);
    return {
      connectsFirst: true,
      // A server that is gone never stops what logs to it.
      holdsFor: "slow",
      connect: (signal) =>
        connect(address, info.config, render, signal).catch((error: unknown) => {
          const where = hostPort(address.host, address.port);
          throw unavailable(`gelf: cannot connect to GELF endpoint: ${where} ${messageOf(error)}`, { cause: error });
        }),
    };
  },
};

function parseAddress(text: string | undefined): GelfAddress {
  if (!text) throw invalidArgument("gelf-address is a required parameter");
  const [, network = "", rest = ""] = /^([a-z]+):\/\/(.*)$/i.exec(text) ?? [];
  if (network !== "udp" && network !== "tcp") throw invalidArgument("gelf: endpoint needs to be TCP or UDP");
  const match = /^(?:\[([^\]]*)\]|([^:/]*)):(\d{1,5})\/?$/.exec(rest);
  if (!match || Number(match[3]) > 65535) {
    throw invalidArgument("gelf: please provide gelf-address as proto://host:port");
  }
  return { network, host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

function checkOption(name: string, value: string, address: GelfAddress): void {
  const unknown = () => invalidArgument(`unknown value "${value}" for log opt "${name}" for gelf log driver`);
  switch (name) {
    case "gelf-compression-level":
    case "gelf-compression-type":
      if (address.network !== "udp") throw invalidArgument("compression is only supported on UDP");
      if (name === "gelf-compression-type" && !["gzip", "zlib", "none"].includes(value)) throw unknown();
      if (name === "gelf-compression-level" && !/^(-1|\d)$/.test(value)) throw unknown();
      break;
    case "gelf-tcp-max-reconnect":
    case "gelf-tcp-reconnect-delay":
      if (address.network !== "tcp") throw invalidArgument(`"${name}" is only valid for TCP`);
      if (!/^\+?\d+$/.test(value)) throw invalidArgument(`"${name}" must be a positive integer`);
      break;
  }
}

function renderer(info: LogInfo): (message: LogMessage) => string {
  const extra = {
    _command: commandOf(info),
    _container_id: info.containerId,
    _container_name: info.containerName,
    _created: info.created,
    _image_id: info.imageId,
    _image_name: info.imageName,
    _tag: tagOf(info, "{{.ID}}"),
    ...extraAttributes(info, (key) => (key.startsWith("_") ? key : `_${key}`)),
  };
  const host = hostname();
  const rest = JSON.stringify(extra).slice(1);
  return ({ line, stream, at }) => {
    const timestamp = Number(at / 1_000_000n) / 1000;
    const head = { version: "1.1", host, short_message: line, timestamp, level: levels[stream] };
    return `${JSON.stringify(head).slice(0, -1)},${rest}`;
  };
}

async function connect(
  address: GelfAddress,
  config: LogOptions,
  render: (message: LogMessage) => string,
  signal: AbortSignal,
): Promise<LogSink> {
  // GELF has no message without text.
  const rendered = (messages: readonly LogMessage[]): string[] =>
    messages.filter(({ line }) => line !== "").map(render);
  if (address.network === "tcp") {
    const socket = await StreamSocket.connect({ host: address.host, port: address.port }, signal);
    return {
      send: (messages) =>
        socket.write(
          Buffer.from(
            rendered(messages)
              .map((text) => `${text}\0`)
              .join(""),
          ),
        ),
      [Symbol.dispose]: () => socket[Symbol.dispose](),
    };
  }
  const socket = await DatagramSocket.open(address.host, address.port);
  const compress = compressor(config);
  return {
    async send(messages) {
      for (const text of rendered(messages)) {
        for (const datagram of inChunks(compress(Buffer.from(text)))) await socket.send(datagram);
      }
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

function compressor(config: LogOptions): (bytes: Buffer) => Buffer {
  const level = Number(config["gelf-compression-level"] ?? 1);
  switch (config["gelf-compression-type"]) {
    case "none":
      return (bytes) => bytes;
    case "zlib":
      return (bytes) => deflateSync(bytes, { level });
    default:
      return (bytes) => gzipSync(bytes, { level });
  }
}

/** What fits an Ethernet frame in every tunnel. */
const longestDatagram = 1420;
const chunkHeader = 12;
/** Servers put no more together. */
const mostChunks = 128;

/** One datagram, or chunks with a common id; nothing for a message that is too long for any. */
export function inChunks(bytes: Buffer): Buffer[] {
  if (bytes.length <= longestDatagram) return [bytes];
  const size = longestDatagram - chunkHeader;
  const count = Math.ceil(bytes.length / size);
  if (count > mostChunks) return [];
  const id = randomBytes(8);
  return Array.from({ length: count }, (_, i) =>
    Buffer.concat([Buffer.from([0x1e, 0x0f]), id, Buffer.from([i, count]), bytes.subarray(i * size, (i + 1) * size)]),
  );
}
