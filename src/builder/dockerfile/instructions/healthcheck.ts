import { parseDuration } from "../../../lib/duration.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { parseSigned } from "../../../lib/flags-numbers.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import type { Statement } from "../syntax/statement.ts";
import { readFlags } from "./flags.ts";
import { needsOne, reading } from "./refusals.ts";

/** `HEALTHCHECK [flags] CMD command` or `HEALTHCHECK NONE`. */
export interface Healthcheck {
  readonly kind: "healthcheck";
  readonly statement: Statement;
  readonly check: HealthConfiguration;
}

/** As an image's configuration has it; times are nanoseconds, and 0 is the engine's default. */
export interface HealthConfiguration {
  readonly Test: readonly string[];
  readonly Interval: number;
  readonly Timeout: number;
  readonly StartPeriod: number;
  readonly StartInterval: number;
  readonly Retries: number;
}

const shortest = 1_000_000;
const mostRetries = 2 ** 31 - 1;

export function readHealthcheck(statement: Statement): Healthcheck {
  const [type, ...command] = statement.words.map(({ text }) => text);
  if (type === undefined) throw needsOne("HEALTHCHECK");
  const none = { Interval: 0, Timeout: 0, StartPeriod: 0, StartInterval: 0, Retries: 0 };
  if (type.toUpperCase() === "NONE") {
    if (command.length > 0) throw invalidArgument("HEALTHCHECK NONE takes no arguments");
    return { kind: "healthcheck", statement, check: { ...none, Test: ["NONE"] } };
  }
  const flags = readFlags(statement, {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  });
  if (type.toUpperCase() !== "CMD") {
    throw invalidArgument(`Unknown type ${printf("%q", [type.toUpperCase()])} in HEALTHCHECK (try CMD)`);
  }
  if (command.length === 0) throw invalidArgument("Missing command after HEALTHCHECK CMD");
  const check = {
    Test: [statement.isJson ? "CMD" : "CMD-SHELL", ...command],
    Interval: readInterval("interval", flags.interval),
    Timeout: readInterval("timeout", flags.timeout),
    StartPeriod: readInterval("start-period", flags["start-period"]),
    StartInterval: readInterval("start-interval", flags["start-interval"]),
    Retries: readRetries(flags.retries),
  };
  return { kind: "healthcheck", statement, check };
}

function readInterval(flag: string, text: string | null): number {
  if (!text) return 0;
  const nanoseconds = parseDuration(text);
  if (nanoseconds !== 0 && nanoseconds < shortest) {
    throw invalidArgument(`Interval ${printf("%q", [flag])} cannot be less than 1ms`);
  }
  return nanoseconds;
}

function readRetries(text: string | null): number {
  if (!text) return 0;
  const retries = reading(() => parseSigned(text));
  if (retries < 0) throw invalidArgument(`--retries cannot be negative (${retries})`);
  if (retries > mostRetries) {
    throw invalidArgument(`strconv.ParseInt: parsing ${printf("%q", [text])}: value out of range`);
  }
  return retries;
}
