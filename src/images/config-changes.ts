/** The Dockerfile instructions that `import --change` and `commit --change` take. */
import type { ContainerConfig } from "../api/containers.ts";
import { HealthConfig } from "../api/containers.ts";
import { parseWire } from "../api/wire.ts";
import { parseDuration } from "../lib/duration.ts";
import { invalidArgument } from "../lib/errors.ts";

/** Answers `config` after the instructions; throws `invalidArgument` for one that does not belong here. */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  let result = structuredClone(config);
  for (const change of changes.flatMap((text) => text.split("\n"))) {
    if (change.trim() === "" || change.trim().startsWith("#")) continue;
    const [, word = "", rest = ""] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(change) ?? [];
    const apply = instructions[word.toUpperCase()];
    if (!apply) {
      const known = /^(ADD|ARG|COPY|FROM|MAINTAINER|RUN|SHELL)$/i.test(word);
      throw invalidArgument(
        known
          ? `${word.toUpperCase()} is not a valid change command`
          : `dockerfile parse error on line 1: unknown instruction: ${word}`,
      );
    }
    if (rest === "")
      throw invalidArgument(`dockerfile parse error on line 1: ${word.toUpperCase()} requires arguments`);
    result = { ...result, ...apply(rest, result) };
  }
  return result;
}

type Instruction = (rest: string, config: ContainerConfig) => Partial<ContainerConfig>;

const instructions: Record<string, Instruction> = {
  CMD: (rest) => ({ Cmd: jsonWords(rest) ?? ["/bin/sh", "-c", rest] }),
  ENTRYPOINT: (rest, { Cmd }) => ({ Entrypoint: jsonWords(rest) ?? ["/bin/sh", "-c", rest], Cmd }),
  ENV: (rest, { Env }) => {
    const env = new Map((Env ?? []).map((one) => [one.split("=", 1)[0] ?? "", one]));
    for (const [key, value] of pairs(rest)) env.set(key, `${key}=${value}`);
    return { Env: [...env.values()] };
  },
  EXPOSE: (rest, { ExposedPorts }) => {
    const ports = splitWords(rest).map((port) => {
      const match = /^(\d+(?:-\d+)?)(?:\/(tcp|udp|sctp))?$/i.exec(port);
      if (!match) throw invalidArgument(`invalid containerPort: ${port}`);
      return `${match[1]}/${match[2]?.toLowerCase() ?? "tcp"}`;
    });
    return { ExposedPorts: { ...ExposedPorts, ...setOf(ports) } };
  },
  HEALTHCHECK: (rest) => ({ Healthcheck: healthcheck(rest) }),
  LABEL: (rest, { Labels }) => ({ Labels: { ...Labels, ...Object.fromEntries(pairs(rest)) } }),
  ONBUILD: (rest, { OnBuild }) => ({ OnBuild: [...(OnBuild ?? []), rest] }),
  STOPSIGNAL: (rest) => ({ StopSignal: rest }),
  USER: (rest) => ({ User: rest }),
  VOLUME: (rest, { Volumes }) => ({ Volumes: { ...Volumes, ...setOf(jsonWords(rest) ?? splitWords(rest)) } }),
  WORKDIR: (rest, { WorkingDir }) => ({ WorkingDir: rest.startsWith("/") ? rest : `${WorkingDir || ""}/${rest}` }),
};

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

/** Words split at blanks; quotes and backslashes keep blanks in, as in Dockerfiles. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g;
  for (const [raw] of text.matchAll(pattern)) {
    words.push(
      raw.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_all, double, single, escaped) =>
        double !== undefined ? String(double).replace(/\\(.)/g, "$1") : (single ?? escaped),
      ),
    );
  }
  return words;
}

function pairs(text: string): [string, string][] {
  const words = splitWords(text);
  if (words[0] !== undefined && !words[0].includes("=")) {
    const [, key = "", value] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
    if (value === undefined) throw invalidArgument(`dockerfile parse error on line 1: ENV must have two arguments`);
    return [[key, value]];
  }
  return words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1)
      throw invalidArgument(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return [word.slice(0, at), word.slice(at + 1)];
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
