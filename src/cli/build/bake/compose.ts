/** The build sections of a Compose file as targets of bake: one for each service that is built, all of them in `default`. */
import { normalize } from "node:path";
import { binarySize, parseBytes } from "../../../lib/units.ts";
import { ExitError } from "../../command.ts";
import type { Body } from "../hcl/body.ts";
import { type Expression, HclError, type HclValue } from "../hcl/expression.ts";
import { interpolated } from "./interpolation.ts";

type Table = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Null where the document is no Compose file. */
export function composeBody(text: string, environment: Readonly<Record<string, string | undefined>>): Body | null {
  const document = parsed(text);
  if (!isTable(document) || !isTable(document.services)) return null;
  const file = interpolated(document, environment) as Table;
  const targets = Object.entries(file.services as Table).flatMap(([name, service]) => {
    if (!isTable(service)) throw new HclError(`services.${name}: a table expected`);
    const { build } = service;
    if (build === undefined || build === null) return [];
    const section = typeof build === "string" ? { context: build } : build;
    if (!isTable(section)) throw new HclError(`services.${name}.build: a path or a table expected`);
    return [{ name: targetName(name), fields: fieldsOf(name, service, section, file) }];
  });
  const literal = (value: HclValue): Expression => ({ kind: "literal", value });
  const block = (type: string, name: string, fields: Readonly<Record<string, HclValue>>) => ({
    type,
    labels: [name],
    at: 0,
    body: {
      blocks: [],
      attributes: new Map(Object.entries(fields).map(([key, value]) => [key, { expression: literal(value), at: 0 }])),
    },
  });
  return {
    attributes: new Map(),
    blocks: [
      ...targets.map(({ name, fields }) => block("target", name, fields)),
      block("group", "default", { targets: targets.map(({ name }) => name) }),
    ],
  };
}

function parsed(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new HclError(error instanceof Error ? error.message : "no YAML");
  }
}

/** A target's name has no dots. */
const targetName = (service: string): string => service.replace(/[^a-zA-Z0-9_-]/g, "_");

/** Keys that are called otherwise in Compose files. */
const sameText = {
  context: "context",
  dockerfile: "dockerfile",
  dockerfile_inline: "dockerfile-inline",
  target: "target",
  network: "network",
};
const sameList = {
  cache_from: "cache-from",
  cache_to: "cache-to",
  platforms: "platforms",
  no_cache_filter: "no-cache-filter",
  entitlements: "entitlements",
};

function fieldsOf(name: string, service: Table, build: Table, file: Table): Record<string, HclValue> {
  const fields: Record<string, HclValue> = { context: "." };
  for (const [from, to] of Object.entries(sameText)) if (build[from] !== undefined) fields[to] = String(build[from]);
  fields.context = cleanPath(String(fields.context));
  for (const [from, to] of Object.entries(sameList))
    if (build[from] !== undefined) fields[to] = textsOf(build[from], `${name}.build.${from}`);
  for (const [from, to] of [
    ["args", "args"],
    ["labels", "labels"],
    ["additional_contexts", "contexts"],
  ] as const)
    if (build[from] !== undefined) fields[to] = tableOf(build[from], `${name}.build.${from}`);
  if (isTable(fields.contexts)) fields.contexts = servicesAsTargets(fields.contexts as Record<string, HclValue>);
  if (build.extra_hosts !== undefined) fields["extra-hosts"] = tableOf(build.extra_hosts, `${name}.build.extra_hosts`);
  if (build.shm_size !== undefined) fields["shm-size"] = binarySize(parseBytes(String(build.shm_size)));
  if (build.no_cache === true) fields["no-cache"] = true;
  if (build.pull === true) fields.pull = true;
  if (build.privileged === true)
    fields.entitlements = [...((fields.entitlements as string[] | undefined) ?? []), "security.insecure"];
  if (build.ssh !== undefined) fields.ssh = sshOf(build.ssh);
  if (build.secrets !== undefined) fields.secret = secretsOf(name, build.secrets, file);
  if (build.ulimits !== undefined) fields.ulimits = ulimitsOf(build.ulimits);
  fields.tags = [
    ...(service.image === undefined ? [] : [String(service.image)]),
    ...textsOf(build.tags ?? [], `${name}.build.tags`),
  ];
  if (fields.tags.length === 0) delete fields.tags;
  const own = build["x-bake"];
  if (isTable(own)) for (const [key, value] of Object.entries(own)) fields[key] = ownValue(value);
  return fields;
}

const cleanPath = (path: string): string => (/^\.{0,2}\//.test(path) ? normalize(path).replace(/(.)\/$/, "$1") : path);

/** What stands under `x-bake` has bake's names; a single value may stand for a list. */
const ownValue = (value: unknown): HclValue => value as HclValue;

function textsOf(value: unknown, where: string): string[] {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) throw new HclError(`services.${where}: a list expected`);
  return value.map(String);
}

/** `{A: b}` or `["A=b", "C"]`; what has no value has the environment's, or is left out. */
function tableOf(value: unknown, where: string): Record<string, string> {
  const pairs: [string, unknown][] = isTable(value)
    ? Object.entries(value)
    : textsOf(value, where).map((text) => {
        const at = text.search(/[=:]/);
        return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
      });
  return Object.fromEntries(
    pairs.flatMap(([key, each]): [string, string][] => {
      const text = each === null || each === undefined ? process.env[key] : String(each);
      return text === undefined ? [] : [[key, text]];
    }),
  );
}

const servicesAsTargets = (contexts: Readonly<Record<string, HclValue>>): Record<string, HclValue> =>
  Object.fromEntries(
    Object.entries(contexts).map(([key, value]) => {
      const service = /^service:(.+)$/.exec(String(value))?.[1];
      return [key, service === undefined ? value : `target:${targetName(service)}`];
    }),
  );

const sshOf = (value: unknown): string[] =>
  isTable(value)
    ? Object.entries(value).map(([id, path]) => (path === null ? id : `${id}=${path}`))
    : textsOf(value, "build.ssh");

function secretsOf(name: string, value: unknown, file: Table): string[] {
  if (!Array.isArray(value)) throw new HclError(`services.${name}.build.secrets: a list expected`);
  const known = isTable(file.secrets) ? file.secrets : {};
  return value.map((each) => {
    const { source, target } = isTable(each) ? each : { source: each, target: undefined };
    const secret = known[String(source)];
    if (!isTable(secret)) throw new ExitError(1, `service "${name}" refers to undefined build secret ${source}`);
    const id = String(target ?? source);
    if (secret.environment !== undefined) return `id=${id},env=${secret.environment}`;
    if (secret.file !== undefined) return `id=${id},src=${secret.file}`;
    throw new ExitError(1, `secret ${source}: only those of a file or of the environment can be used in a build`);
  });
}

function ulimitsOf(value: unknown): string[] {
  if (!isTable(value)) throw new HclError("build.ulimits: a table expected");
  return Object.entries(value).map(([key, limit]) =>
    isTable(limit) ? `${key}=${limit.soft}:${limit.hard ?? limit.soft}` : `${key}=${limit}`,
  );
}
