/** The log drivers of this engine and their options. */
import type { LogConfig } from "../api/host-config.ts";
import { invalidArgument, messageOf } from "../lib/errors.ts";
import { parseBytes } from "../lib/units.ts";
import type { LogDriver, LogOptions } from "./driver.ts";
import { fluentdDriver } from "./fluentd.ts";
import { gelfDriver } from "./gelf.ts";
import { parseBool, parseInteger } from "./go-values.ts";
import { journaldDriver } from "./journald.ts";
import { syslogDriver } from "./syslog/syslog.ts";

const aboutContainer = ["labels", "labels-regex", "env", "env-regex", "tag"];
const aboutFiles = ["max-size", "max-file", "compress"];
const aboutCache = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];
/** Options that every driver takes. */
const common: ReadonlySet<string> = new Set(["mode", "max-buffer-size", ...aboutCache]);

const optionsOf: Readonly<Record<string, readonly string[]>> = {
  "json-file": [...aboutFiles, ...aboutContainer],
  local: aboutFiles,
  syslog: [
    ...["address", "facility", "format", "tls-ca-cert", "tls-cert", "tls-key", "tls-skip-verify"].map(
      (name) => `syslog-${name}`,
    ),
    ...aboutContainer,
  ],
  journald: aboutContainer,
  fluentd: [
    ...["address", "async", "async-reconnect-interval", "buffer-limit", "max-retries", "request-ack", "retry-wait"].map(
      (name) => `fluentd-${name}`,
    ),
    ...["sub-second-precision", "write-timeout"].map((name) => `fluentd-${name}`),
    ...aboutContainer,
  ],
  gelf: [
    ...["address", "compression-level", "compression-type", "tcp-max-reconnect", "tcp-reconnect-delay"].map(
      (name) => `gelf-${name}`,
    ),
    ...aboutContainer,
  ],
};

const remoteDrivers: Readonly<Record<string, LogDriver>> = {
  syslog: syslogDriver,
  journald: journaldDriver(),
  fluentd: fluentdDriver,
  gelf: gelfDriver,
};

/** As `docker info` lists them; `none` is no driver there. */
export const logDriverNames: readonly string[] = Object.keys(optionsOf).sort();

/** The driver that delivers elsewhere; `null` for those that are files, and for `none`. */
export function remoteDriver(name: string): LogDriver | null {
  return Object.hasOwn(remoteDrivers, name) ? (remoteDrivers[name] ?? null) : null;
}

export function isLogDriver(name: string): boolean {
  return name === "none" || Object.hasOwn(optionsOf, name);
}

/** Refuses, in Docker's words, what no driver could do. */
export function checkLogConfig({ Type: name, Config: options }: LogConfig): void {
  if (name === "none") return;
  const known = Object.hasOwn(optionsOf, name) ? optionsOf[name] : undefined;
  if (!known) throw invalidArgument(`error looking up logging plugin ${name}: plugin "${name}" not found`);
  checkMode(options);
  checkCache(options);
  const stranger = Object.keys(options).find((option) => !known.includes(option) && !common.has(option));
  if (stranger !== undefined) throw unknownOption(name, stranger);
  remoteDriver(name)?.check(options);
}

function unknownOption(driver: string, option: string): Error {
  if (driver === "local") return invalidArgument(`unknown log opt '${option}' for log driver local`);
  const quote = driver === "gelf" ? '"' : "'";
  return invalidArgument(`unknown log opt ${quote}${option}${quote} for ${driver} log driver`);
}

function checkMode({ mode = "", "max-buffer-size": buffer }: LogOptions): void {
  if (mode !== "" && mode !== "blocking" && mode !== "non-blocking") {
    throw invalidArgument(`logger: logging mode not supported: ${mode}`);
  }
  if (buffer === undefined) return;
  if (mode !== "non-blocking") {
    throw invalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  try {
    parseBytes(buffer);
  } catch (error) {
    throw invalidArgument(`error parsing option max-buffer-size: ${messageOf(error)}`);
  }
}

function checkCache(options: LogOptions): void {
  const parsers: Readonly<Record<string, (text: string) => unknown>> = {
    "cache-disabled": parseBool,
    "cache-compress": parseBool,
    "cache-max-file": parseInteger,
    "cache-max-size": (text) => parseBytes(text),
  };
  for (const [name, parse] of Object.entries(parsers)) {
    const value = options[name];
    if (value === undefined) continue;
    try {
      parse(value);
    } catch {
      throw invalidArgument(`invalid value for option ${name}: ${value}`);
    }
  }
}
