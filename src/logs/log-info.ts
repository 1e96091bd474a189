/** What log options say about a container: its tag, and the labels and variables that go along. */
import { hostname } from "node:os";
import { messageOf } from "../lib/errors.ts";
import { compileTemplate } from "../lib/go-template/execute.ts";
import type { LogInfo } from "./driver.ts";

const shortId = 12;

/** The option `tag`, a Go template over Docker's `logger.Info`. */
export function tagOf(info: LogInfo, initial: string): string {
  const source = info.config.tag || initial;
  if (source === "") return "";
  if (source === "{{.ID}}") return info.containerId.slice(0, shortId);
  try {
    return compileTemplate(source, { rootType: "*logger.Info" }).execute(templateRoot(info));
  } catch (error) {
    throw new Error(inLogTag(messageOf(error)));
  }
}

/** Templates name themselves in their errors. */
function inLogTag(message: string): string {
  return message.replace(/^template: *:?/, "template: log-tag:").replace('executing ""', 'executing "log-tag"');
}

function templateRoot(info: LogInfo): Record<string, unknown> {
  return {
    Config: info.config,
    ContainerID: info.containerId,
    ContainerName: `/${info.containerName}`,
    ContainerEntrypoint: info.entrypoint,
    ContainerArgs: info.args,
    ContainerImageID: info.imageId,
    ContainerImageName: info.imageName,
    ContainerCreated: info.created,
    ContainerEnv: info.env,
    ContainerLabels: info.labels,
    DaemonName: "docker",
    Hostname: hostname(),
    Command: commandOf(info),
    ID: info.containerId.slice(0, shortId),
    FullID: info.containerId,
    Name: info.containerName,
    ImageID: info.imageId.slice(0, shortId),
    ImageFullID: info.imageId,
    ImageName: info.imageName,
  };
}

export function commandOf({ entrypoint, args }: LogInfo): string {
  return [entrypoint, ...args].join(" ");
}

/** The options `labels`, `labels-regex`, `env` and `env-regex`; `spell` is the driver's spelling of a key. */
export function extraAttributes(info: LogInfo, spell = (key: string): string => key): Record<string, string> {
  const { config } = info;
  const env = new Map(info.env.filter((entry) => entry.includes("=")).map((entry) => splitAtFirst(entry, "=")));
  return Object.fromEntries(
    [
      ...chosen(new Map(Object.entries(info.labels)), config.labels, config["labels-regex"]),
      ...chosen(env, config.env, config["env-regex"]),
    ].map(([key, value]) => [spell(key), value]),
  );
}

function chosen(all: ReadonlyMap<string, string>, names = "", pattern = ""): [string, string][] {
  const listed = new Set(names === "" ? [] : names.split(","));
  const matcher = pattern === "" ? null : goRegExp(pattern);
  return [...all].filter(([key]) => listed.has(key) || matcher?.test(key));
}

/** Of Go's syntax only the leading flags differ, as far as names of labels and variables go. */
function goRegExp(pattern: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  const source = flags ? pattern.slice(flags[0].length) : pattern;
  try {
    return new RegExp(source, flags?.[1] ?? "");
  } catch (error) {
    const why = messageOf(error).replace(/^Invalid regular expression: /, "");
    throw new Error(`error parsing regexp: ${why}: \`${pattern}\``);
  }
}

function splitAtFirst(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}
