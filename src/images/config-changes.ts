/** The Dockerfile instructions that `import --change` and `commit --change` take. */
import { posix } from "node:path";
import type { ContainerConfig } from "../api/containers.ts";
import { HealthConfig } from "../api/containers.ts";
import { parseWire } from "../api/wire.ts";
import { parseDuration } from "../lib/duration.ts";
import { invalidArgument } from "../lib/errors.ts";
import { parseSignal } from "../lib/signals.ts";
import { expandWord, splitWords } from "./expand-words.ts";

/** Answers `config` after the instructions; throws `invalidArgument` for one that does not belong here. */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  let result = structuredClone(config);
  const seen = new Set<string>();
  if (changes.length > 0 && changes.every((text) => text.trim() === "")) {
    throw invalidArgument("file with no instructions");
  }
  for (const change of changes.flatMap((text) => text.split("\n"))) {
    if (change.trim() === "" || change.trim().startsWith("#")) continue;
    const [, word = "", rest = ""] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(change) ?? [];
    const apply = instructions[word.toUpperCase()];
    if (!apply) throw invalidArgument(`${word} is not a valid change command`);
    if (rest === "") throw invalidArgument(`${word.toUpperCase()} requires ${argumentsOf(word.toUpperCase())}`);
    result = { ...result, ...apply(rest, result, seen) };
    seen.add(word.toUpperCase());
  }
  return result;
}

function argumentsOf(instruction: string): string {
  return /^(STOPSIGNAL|USER|WORKDIR)$/.test(instruction) ? "exactly one argument" : "at least one argument";
}

/** What an instruction changes; `seen` are those before it. */
type Instruction = (rest: string, config: ContainerConfig, seen: ReadonlySet<string>) => Partial<ContainerConfig>;

const instructions: Record<string, Instruction> = {
  CMD: (rest) => ({ Cmd: jsonWords(rest) ?? ["/bin/sh", "-c", rest] }),
  // The command of the image belongs to the old entry point.
  ENTRYPOINT: (rest, { Cmd }, seen) => ({
    Entrypoint: jsonWords(rest) ?? ["/bin/sh", "-c", rest],
    Cmd: seen.has("CMD") ? Cmd : null,
  }),
  ENV: (rest, { Env }) => {
    const env = new Map((Env ?? []).map((one) => [one.split("=", 1)[0] ?? "", one]));
    for (const [key, value] of pairs("ENV", rest, variables(Env))) env.set(key, `${key}=${value}`);
    return { Env: [...env.values()] };
  },
  EXPOSE: (rest, { ExposedPorts, Env }) => {
    const words = splitWords(rest).flatMap((word) => expandWord(word, variables(Env)).split(/\s+/));
    return { ExposedPorts: { ...ExposedPorts, ...setOf(words.filter((word) => word !== "").flatMap(portsOf)) } };
  },
  HEALTHCHECK: (rest) => ({ Healthcheck: healthcheck(rest) }),
  LABEL: (rest, { Labels, Env }) => ({
    Labels: { ...Labels, ...Object.fromEntries(pairs("LABEL", rest, variables(Env))) },
  }),
  ONBUILD: (rest, { OnBuild }) => {
    const [, trigger = ""] = /^\s*(\S+)/.exec(rest.toUpperCase()) ?? [];
    if (trigger === "ONBUILD") throw invalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (/^(FROM|MAINTAINER)$/.test(trigger)) throw invalidArgument(`${trigger} isn't allowed as an ONBUILD trigger`);
    return { OnBuild: [...(OnBuild ?? []), rest] };
  },
  STOPSIGNAL: (rest, { Env }) => {
    const signal = expandWord(rest, variables(Env));
    parseSignal(signal);
    return { StopSignal: signal };
  },
  USER: (rest, { Env }) => ({ User: expandWord(rest, variables(Env)) }),
  VOLUME: (rest, { Volumes, Env }) => {
    const paths = (jsonWords(rest) ?? splitWords(rest)).map((word) => expandWord(word, variables(Env)));
    return { Volumes: { ...Volumes, ...setOf(paths) } };
  },
  WORKDIR: (rest, { WorkingDir, Env }) => {
    const dir = expandWord(rest, variables(Env));
    return { WorkingDir: posix.isAbsolute(dir) ? dir : posix.join("/", WorkingDir, dir) };
  },
};

function variables(env: readonly string[] | null | undefined): Map<string, string> {
  return new Map((env ?? []).map((one) => [one.split("=", 1)[0] ?? "", one.slice(one.indexOf("=") + 1)]));
}

/** A port or a range of ports, each under its own key. */
function portsOf(text: string): string[] {
  const [, first = "", last = first, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (first === "" || from > to || to > 65_535) throw invalidArgument(`Invalid containerPort: ${text}`);
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${protocol.toLowerCase()}`);
}

function setOf(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

/** The exec form, `["a", "b"]`; null when the text is not one. */
function jsonWords(text: string): string[] | null {
  if (!text.startsWith("[")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : null;
  } catch {
    return null;
  }
}

function pairs(instruction: string, text: string, env: ReadonlyMap<string, string>): [string, string][] {
  const words = splitWords(text);
  if (words[0] !== undefined && !words[0].includes("=")) {
    const [, key = "", value] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
    if (value === undefined) throw invalidArgument(`${instruction} must have two arguments`);
    return [[expandWord(key, env), expandWord(value, env)]];
  }
  return words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1)
      throw invalidArgument(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return [expandWord(word.slice(0, at), env), expandWord(word.slice(at + 1), env)];
  });
}

function healthcheck(text: string): ContainerConfig["Healthcheck"] {
  if (/^none$/i.test(text)) return parseWire(HealthConfig, { Test: ["NONE"] });
  const fields: Record<string, unknown> = {};
  const names: Record<string, string> = {
    interval: "Interval",
    timeout: "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
  };
  let rest = text;
  for (let match = /^--([a-z-]+)=(\S+)\s*/.exec(rest); match; match = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    const [all, name = "", value = ""] = match;
    if (name === "retries") fields.Retries = Number(value);
    else if (names[name]) fields[names[name]] = parseDuration(value);
    else throw invalidArgument(`Unknown flag: ${name}`);
    rest = rest.slice(all.length);
  }
  const [, command = ""] = /^CMD\s+([\s\S]+)$/i.exec(rest) ?? [];
  if (command === "")
    throw invalidArgument(`Unknown type ${JSON.stringify(rest.split(/\s/)[0])} in HEALTHCHECK (try CMD)`);
  const words = jsonWords(command);
  return parseWire(HealthConfig, { ...fields, Test: words ? ["CMD", ...words] : ["CMD-SHELL", command] });
}
