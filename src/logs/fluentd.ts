/** The driver `fluentd`: the forward protocol (github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1). */
import { randomBytes } from "node:crypto";
import { parseDuration } from "../lib/duration.ts";
import { invalidArgument, messageOf, unavailable } from "../lib/errors.ts";
import { eventTime, type Packable, pack, unpackStringMap } from "../lib/msgpack.ts";
import { parseBytes } from "../lib/units.ts";
import type { LogDriver, LogInfo, LogMessage, LogOptions, LogSink } from "./driver.ts";
import { parseBool } from "./go-values.ts";
import { extraAttributes, tagOf } from "./log-info.ts";
import { type StreamAddress, StreamSocket } from "./stream-socket.ts";

interface FluentdOptions {
  readonly address: StreamAddress;
  /** Nothing waits for the server, not even the start. */
  readonly async: boolean;
  readonly givesUp: boolean;
  readonly requestAck: boolean;
  readonly subSecond: boolean;
  /** Milliseconds, 0 waits for ever. */
  readonly writeTimeout: number;
}

export const fluentdDriver: LogDriver = {
  check: (options) => void parseOptions(options),
  open(info) {
    const options = parseOptions(info.config);
    const tag = tagOf(info, "{{.ID}}");
    const record = recorder(info);
    return {
      connectsFirst: !options.async,
      holdsFor: holdsFor(options),
      async connect(signal) {
        const socket = await StreamSocket.connect(options.address, signal);
        return options.requestAck ? acknowledged(socket, tag, options, record) : plain(socket, tag, options, record);
      },
    };
  },
};

function holdsFor({ async, givesUp }: FluentdOptions): "nothing" | "slow" | "gone" {
  if (async) return "nothing";
  return givesUp ? "slow" : "gone";
}

function parseOptions(config: LogOptions): FluentdOptions {
  const address = parseAddress(config["fluentd-address"]);
  if (config["fluentd-buffer-limit"]) parseBytes(config["fluentd-buffer-limit"]);
  if (config["fluentd-retry-wait"]) parseDuration(config["fluentd-retry-wait"]);
  const retries = config["fluentd-max-retries"];
  if (retries && !/^\d+$/.test(retries)) {
    throw invalidArgument(`strconv.ParseUint: parsing ${JSON.stringify(retries)}: invalid syntax`);
  }
  const flag = (name: string): boolean => parseBool(config[name] || "false");
  const async = flag("fluentd-async");
  checkReconnectInterval(config["fluentd-async-reconnect-interval"]);
  return {
    address,
    async,
    givesUp: Boolean(retries),
    subSecond: flag("fluentd-sub-second-precision"),
    requestAck: flag("fluentd-request-ack"),
    writeTimeout: parseTimeout(config["fluentd-write-timeout"]),
  };
}

function checkReconnectInterval(text: string | undefined): void {
  if (!text) return;
  const fail = (why: string) => invalidArgument(`invalid value for fluentd-async-reconnect-interval: ${why}`);
  let interval: number;
  try {
    interval = parseDuration(text);
  } catch (error) {
    throw fail(messageOf(error));
  }
  if (interval !== 0 && (interval < 100e6 || interval > 10e9)) {
    throw fail(`value (${JSON.stringify(text)}) must be between 100ms and 10s`);
  }
}

function parseTimeout(text: string | undefined): number {
  if (!text) return 0;
  const fail = (why: string) =>
    invalidArgument(`invalid value for fluentd-write-timeout: value must be a duration${why}`);
  let nanoseconds: number;
  try {
    nanoseconds = parseDuration(text);
  } catch (error) {
    throw fail(`: ${messageOf(error)}`);
  }
  if (nanoseconds < 0) throw fail(" that is non-negative");
  return nanoseconds / 1e6;
}

const defaultPort = 24224;

function parseAddress(text: string | undefined): StreamAddress {
  if (!text) return { host: "127.0.0.1", port: defaultPort };
  const fail = (why: string) => invalidArgument(`invalid fluentd-address (${text}): ${why}`);
  const url = text.includes("://") ? text : `tcp://${text}`;
  const [, scheme = "", rest = ""] = /^([a-z0-9+.-]*):\/\/(.*)$/i.exec(url) ?? [];
  if (scheme === "unix") {
    if (rest === "") throw fail("path is empty");
    return { path: rest };
  }
  if (scheme !== "tcp" && scheme !== "tls") throw fail(`unsupported scheme: '${scheme}'`);
  const match = /^(?:\[([^\]]*)\]|([^:/]*))(?::([^/]*))?(\/.*)?$/.exec(rest);
  if (!match || (match[3] && !/^\d{1,5}$/.test(match[3]))) {
    throw fail(`parse ${JSON.stringify(url)}: invalid port ":${match?.[3] ?? ""}" after host`);
  }
  if (match[3] && Number(match[3]) > 65535) {
    throw fail(`invalid port: strconv.ParseUint: parsing ${JSON.stringify(match[3])}: value out of range`);
  }
  if (match[4]) throw fail("should not contain a path element");
  const host = match[1] ?? (match[2] || "127.0.0.1");
  const port = match[3] ? Number(match[3]) : defaultPort;
  return { host, port, ...(scheme === "tls" && { tls: { rejectUnauthorized: true } }) };
}

type Recorder = (message: LogMessage) => Readonly<Record<string, string>>;

function recorder(info: LogInfo): Recorder {
  const extra = extraAttributes(info);
  return ({ line, stream, partial }) => ({
    container_id: info.containerId,
    container_name: `/${info.containerName}`,
    source: stream,
    log: line,
    ...extra,
    ...(partial && {
      partial_message: "true",
      partial_id: partial.id,
      partial_ordinal: String(partial.ordinal),
      partial_last: String(partial.last),
    }),
  });
}

function timeOf({ at }: LogMessage, { subSecond }: FluentdOptions): Packable {
  return subSecond ? eventTime(at) : Number(at / 1_000_000_000n);
}

/** One event a message, as Docker sends them. */
function plain(socket: StreamSocket, tag: string, options: FluentdOptions, record: Recorder): LogSink {
  return {
    send: (messages) => {
      const events = messages.map((message) => pack([tag, timeOf(message, options), record(message), {}]));
      return within(options.writeTimeout, socket.write(Buffer.concat(events)));
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

/** One chunk for all messages of a call, which the server says it has. */
function acknowledged(socket: StreamSocket, tag: string, options: FluentdOptions, record: Recorder): LogSink {
  let waiting = Buffer.alloc(0);
  const acknowledgement = async (): Promise<string | undefined> => {
    for (;;) {
      const found = unpackStringMap(waiting);
      if (found) {
        waiting = waiting.subarray(found.length);
        return found.map.ack;
      }
      waiting = Buffer.concat([waiting, await socket.read()]);
    }
  };
  return {
    async send(messages) {
      const chunk = randomBytes(16).toString("base64");
      const entries = messages.map((message) => [timeOf(message, options), record(message)]);
      const bytes = pack([tag, entries, { size: entries.length, chunk }]);
      await within(options.writeTimeout, socket.write(bytes));
      if ((await acknowledgement()) !== chunk) throw unavailable("fluentd acknowledged another chunk");
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  if (milliseconds === 0) return work;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(unavailable("write timed out")), milliseconds);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
