/** Build arguments that mean something without any ARG. */
import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import { parseBool, parseSigned } from "../../../lib/flags-numbers.ts";
import { formatPlatform, type Platform } from "../../../lib/platform.ts";
import { reading } from "../instructions/refusals.ts";

/** What the builder is told by `BUILDKIT_*` and their like. */
export interface Frontend {
  /** Variables of every RUN that are no part of its key: `HTTP_PROXY` and its like, in both cases. */
  readonly proxies: readonly string[];
  /** Put in front of the ids of cache mounts. */
  readonly cacheNamespace: string;
  /** The host's name in RUN; null is the builder's own choice. */
  readonly hostname: string | null;
  /** Cache records go into the image. */
  readonly inlineCache: boolean;
  /** Outputs are laid out as of several platforms. */
  readonly multiPlatform: boolean;
  /** The context keeps its .git. */
  readonly keepGitDirectory: boolean;
  /** Of records of builds. */
  readonly buildName: string;
  /** Seconds since 1970 that all times become; null is the time of the build. */
  readonly epoch: number | null;
}

const proxyNames = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
const switches = {
  inlineCache: "BUILDKIT_INLINE_CACHE",
  multiPlatform: "BUILDKIT_MULTI_PLATFORM",
  keepGitDirectory: "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
};
/** Known, and of no further use here: which frontend reads the file, and what the linter is told. */
const others = [
  "BUILDKIT_SYNTAX",
  "BUILDKIT_DOCKERFILE_CHECK",
  "BUILDKIT_SBOM_SCAN_CONTEXT",
  "BUILDKIT_SBOM_SCAN_STAGE",
  "BUILDKIT_SANDBOX_HOSTNAME",
  "BUILDKIT_CACHE_MOUNT_NS",
  "BUILDKIT_BUILD_NAME",
  "SOURCE_DATE_EPOCH",
];

/** Reads them; throws `invalidArgument` for a value that is none. */
export function readFrontend(args: ReadonlyMap<string, string>, epoch: string | undefined): Frontend {
  const isOn = (name: string): boolean => {
    const value = args.get(name);
    return (
      value !== undefined && value !== "" && reading(() => parseBool(value), `invalid value for ${name}: ${value}`)
    );
  };
  return {
    proxies: proxiesIn(args),
    cacheNamespace: args.get("BUILDKIT_CACHE_MOUNT_NS") ?? "",
    hostname: readHostname(args.get("BUILDKIT_SANDBOX_HOSTNAME") ?? ""),
    inlineCache: isOn(switches.inlineCache),
    multiPlatform: isOn(switches.multiPlatform),
    keepGitDirectory: isOn(switches.keepGitDirectory),
    buildName: args.get("BUILDKIT_BUILD_NAME") ?? "",
    epoch: readEpoch(epoch),
  };
}

/** The kernel takes any 64 bytes; what would end a line of /etc/hosts is refused. */
function readHostname(name: string): string | null {
  if (Buffer.byteLength(name) > 64 || /[\p{Cc}\s]/u.test(name)) {
    throw invalidArgument(`invalid BUILDKIT_SANDBOX_HOSTNAME: ${JSON.stringify(name)}`);
  }
  return name || null;
}

function proxiesIn(args: ReadonlyMap<string, string>): readonly string[] {
  const given = [...args]
    .filter(([name]) => proxyNames.includes(name.toUpperCase()))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const both = new Map(
    given.flatMap(([name, value]) => [name.toUpperCase(), name.toLowerCase()].map((each) => [each, value])),
  );
  return [...both].map(([name, value]) => `${name}=${value}`);
}

function readEpoch(text: string | undefined): number | null {
  if (!text) return null;
  try {
    return parseSigned(text);
  } catch (error) {
    throw invalidArgument(`invalid SOURCE_DATE_EPOCH: ${text}: ${messageOf(error)}`);
  }
}

/** The variables that FROM knows without any ARG, and a stage once it has asked for them by name. */
export function platformArgs(build: Platform, target: Platform, targetStage: string): Map<string, string> {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
  return new Map([...of("BUILD", build), ...of("TARGET", target), ["TARGETSTAGE", targetStage]]);
}

/** True for an argument that needs no ARG to be used. */
export function isPredefined(name: string): boolean {
  return (
    proxyNames.includes(name.toUpperCase()) ||
    Object.values(switches).includes(name) ||
    others.includes(name) ||
    /^(BUILD|TARGET)(PLATFORM|OS|OSVERSION|ARCH|VARIANT)$|^TARGETSTAGE$/.test(name)
  );
}
