/** From a solve's attributes, as `dockerfile.v0` names them, to a build request. */
import { keepFailedAttribute } from "../../../api/buildkit/failures.ts";
import type { BuildRequest, RunLimits } from "../../../builder/builder.ts";
import type { Attestation, CacheTransfer, Grant } from "../../../builder/request-results.ts";
import { invalidArgument } from "../../../lib/errors.ts";

/** The attributes of a frontend, and what a solve says besides. */
export interface SolveInput {
  readonly attributes: ReadonlyMap<string, string>;
  readonly cacheImports: readonly CacheTransfer[];
  readonly cacheExports: readonly CacheTransfer[];
  readonly entitlements: readonly string[];
}

export type FromAttributes = Omit<BuildRequest, "names" | "auths" | "secrets" | "ssh" | "clientFiles" | "outputs">;

const known = new Set([
  "filename",
  "target",
  "platform",
  "no-cache",
  "image-resolve-mode",
  "add-hosts",
  "force-network-mode",
  "shm-size",
  "ulimit",
  "cgroup-parent",
  "context",
  "contextkey",
  "contextsubdir",
  "dockerfilekey",
  "dockerfilesrc",
  "hostname",
  "multi-platform",
  "source",
  "cmdline",
  "requestid",
  "frontend.caps",
  "cache-from",
  "cache-imports",
  "override-copy-image",
  keepFailedAttribute,
  "local-sessionid:context",
  "local-sessionid:dockerfile",
]);

const knownPrefixes = [
  "build-arg:",
  "label:",
  "attest:",
  "context:",
  "input-metadata:",
  "vcs:",
  "local-sessionid:",
  "llb-",
  "linux:",
  "filename:",
];

export function readAttributes({ attributes, cacheImports, cacheExports, entitlements }: SolveInput): FromAttributes {
  for (const name of attributes.keys()) {
    if (known.has(name) || knownPrefixes.some((prefix) => name.startsWith(prefix))) continue;
    throw invalidArgument(`unsupported frontend attribute ${name}`);
  }
  const of = (name: string): string => attributes.get(name) ?? "";
  const noCache = attributes.get("no-cache");
  return {
    dockerfile: of("filename") || "Dockerfile",
    // The argument is the newer way to say it.
    buildArgs: { ...hostnameArgument(of("hostname")), ...withPrefix(attributes, "build-arg:") },
    labels: withPrefix(attributes, "label:"),
    target: of("target"),
    noCache: noCache === "",
    noCacheStages: noCache ? noCache.split(",").map((stage) => stage.trim()) : [],
    pull: of("image-resolve-mode") === "pull",
    platform: of("platform"),
    networkMode: readNetwork(of("force-network-mode")),
    extraHosts: list(of("add-hosts")).map(readHost),
    limits: readLimits(of),
    grants: new Set(entitlements.map(readGrant)),
    namedContexts: new Map(Object.entries(withPrefix(attributes, "context:"))),
    attestations: readAttestations(attributes),
    cacheFrom: [...cacheImports, ...readCacheFrom(of("cache-imports"), of("cache-from"))],
    cacheTo: cacheExports,
    squash: false,
    keepsFailed: of(keepFailedAttribute) === "true",
  };
}

const hostnameArgument = (name: string): Record<string, string> =>
  name === "" ? {} : { BUILDKIT_SANDBOX_HOSTNAME: name };

/** In order of their names: they come in any, and equal requests are to be equal images. */
function withPrefix(attributes: ReadonlyMap<string, string>, prefix: string): Record<string, string> {
  const found = [...attributes].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

const list = (text: string): string[] => (text === "" ? [] : text.split(","));

function readNetwork(mode: string): string {
  switch (mode) {
    case "":
    case "sandbox":
      return "default";
    case "none":
    case "host":
      return mode;
    default:
      throw invalidArgument(`invalid network mode "${mode}"`);
  }
}

/** `name=address`, as clients write it here. */
function readHost(text: string): string {
  const [name = "", address] = text.split("=", 2);
  if (address === undefined || name === "")
    throw invalidArgument(`failed to parse additional hosts: invalid key-value pair ${text}`);
  return `${name}:${address}`;
}

function readLimits(of: (name: string) => string): RunLimits {
  const shmSize = Number(of("shm-size"));
  if (!Number.isSafeInteger(shmSize) || shmSize < 0) throw invalidArgument(`invalid shm-size "${of("shm-size")}"`);
  return {
    memory: 0,
    memorySwap: 0,
    cpuShares: 0,
    cpuPeriod: 0,
    cpuQuota: 0,
    cpusetCpus: "",
    cpusetMems: "",
    shmSize,
    cgroupParent: of("cgroup-parent"),
    ulimits: readUlimits(of("ulimit")),
  };
}

/** `nofile=1024:2048,nproc=100`. */
function readUlimits(text: string): RunLimits["ulimits"] {
  return list(text).map((entry) => {
    const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(entry.trim());
    if (match === null) throw invalidArgument(`invalid ulimit argument: ${entry}`);
    const [, Name = "", soft = "", hard = soft] = match;
    return { Name, Soft: Number(soft), Hard: Number(hard) };
  });
}

/** A device may be named behind its grant: `device=vendor.com/class=name`. */
function readGrant(text: string): Grant {
  const name = text.startsWith("device=") ? "device" : text;
  if (name === "network.host" || name === "security.insecure" || name === "device") return name;
  throw invalidArgument(`unknown entitlement ${text}`);
}

function readAttestations(attributes: ReadonlyMap<string, string>): Attestation[] {
  return [...attributes].flatMap(([name, value]): Attestation[] => {
    if (!name.startsWith("attest:")) return [];
    const type = name.slice("attest:".length);
    if (type !== "sbom" && type !== "provenance") throw invalidArgument(`unknown attestation type "${type}"`);
    const fields: Record<string, string> = Object.fromEntries(
      list(value).map((pair) => {
        const at = pair.indexOf("=");
        return at < 0 ? [pair, "true"] : [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
    // Clients repeat its type among the fields.
    const { disabled, type: _, ...own } = fields;
    return disabled === "true" ? [] : [{ type, attributes: own }];
  });
}

/** `cache-imports` is JSON; `cache-from`, of older clients, a list of references. */
function readCacheFrom(imports: string, references: string): CacheTransfer[] {
  if (imports === "") return list(references).map((ref) => ({ type: "registry", attributes: { ref } }));
  let entries: unknown;
  try {
    entries = JSON.parse(imports);
  } catch (cause) {
    throw invalidArgument(`failed to unmarshal cache-imports (${JSON.stringify(imports)})`, { cause });
  }
  if (!Array.isArray(entries)) throw invalidArgument(`failed to unmarshal cache-imports (${JSON.stringify(imports)})`);
  return entries.map((entry: { Type?: unknown; Attrs?: unknown } | null) => {
    const attributes = Object.fromEntries(
      Object.entries(entry?.Attrs ?? {}).map(([name, value]) => [name, String(value)]),
    );
    return { type: String(entry?.Type ?? ""), attributes };
  });
}
