/** What the daemon is told: flags over `daemon.json`, checked, then frozen. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { EngineConfig } from "../engine/config.ts";
import { parseFlags, UsageError } from "../lib/flags.ts";
import { defaultPluginDirs } from "../plugins/discovery.ts";
import type { Proxies } from "../registry/proxies.ts";
import { checkInsecure, checkLabels, checkLogDriver, checkLogOptions, checkMirrors } from "./config-checks.ts";
import { readConfigFile } from "./config-file.ts";
import { daemonFlags, parseUlimit } from "./config-flags.ts";
import { inertFlags } from "./config-flags-other.ts";
import { type HostAddress, parseHost } from "./host-address.ts";
import { type LogLevel, logLevels } from "./log.ts";

/** The daemon's own part of the configuration, beside the engine's. */
export interface DaemonConfig {
  readonly engine: EngineConfig;
  readonly hosts: readonly HostAddress[];
  readonly pidfile: string;
  /** Group of unix sockets; `groupWanted` when the user asked for it by name. */
  readonly group: string;
  readonly groupWanted: boolean;
  readonly tls: TlsFiles | undefined;
  /** For the whole process, and its helpers. */
  readonly proxies: Proxies;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  /** Options that were given and change nothing, each with the reason. */
  readonly notices: readonly string[];
  /** `--version` or `--validate`: print and leave. */
  readonly only: "version" | "validate" | undefined;
}

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Names and places that depend on what the binary is called. */
export interface Defaults {
  readonly socket: string;
  readonly pidfile: string;
  /** The first that exists is read. */
  readonly configFiles: readonly string[];
}

export const dhowDefaults: Defaults = {
  // The CLI reads the same variable.
  socket: process.env.DHOW_SOCKET || "/run/dhow.sock",
  pidfile: "/run/dhow.pid",
  configFiles: ["/etc/dhow/daemon.json"],
};

export const dockerdDefaults: Defaults = {
  socket: "/var/run/docker.sock",
  pidfile: "/var/run/docker.pid",
  configFiles: ["/etc/dhow/daemon.json", "/etc/docker/daemon.json"],
};

const defaultExecRoot = "/run/dhow";
const defaultCdiSpecDirs = ["/etc/cdi", "/var/run/cdi"];

/** Reads flags and file. Throws {@link UsageError} for flags, Error in dockerd's words for the file and for contradictions. */
export function readConfig(argv: readonly string[], defaults: Defaults): DaemonConfig {
  const { flags, changed, args } = parseFlags(daemonFlags, argv);
  if (args.length > 0) throw new UsageError(`"daemon" accepts no arguments`);
  const fromFile = readFirstFile(flags, changed, defaults);
  // Values of the file went through the same parsers as the flags', so they have the flags' types.
  const values = { ...flags, ...Object.fromEntries(fromFile) } as typeof flags;
  const given = (name: keyof typeof flags): boolean => changed.has(name) || fromFile.has(name);

  const execRoot = absolute(values["exec-root"] || defaultExecRoot);
  const tls = tlsFiles(values, given("tls") || given("tlsverify"), hostsOf(values.host, defaults));
  return Object.freeze<DaemonConfig>({
    engine: engineConfig(values, execRoot),
    hosts: hostsOf(values.host, defaults),
    pidfile: absolute(values.pidfile || defaults.pidfile),
    group: values.group,
    groupWanted: given("group"),
    tls,
    proxies: { http: values["http-proxy"], https: values["https-proxy"], none: values["no-proxy"] },
    logLevel: values.debug ? "debug" : readLogLevel(values["log-level"]),
    logFormat: readLogFormat(values["log-format"]),
    notices: Object.entries(inertFlags)
      .filter(([name]) => given(name as keyof typeof inertFlags))
      .map(([name, { help }]) => `The option ${name} changes nothing: ${help}`),
    only: flags.version ? "version" : flags.validate ? "validate" : undefined,
  });
}

type Values = ReturnType<typeof parseFlags<typeof daemonFlags>>["flags"];

function readFirstFile(flags: Values, changed: ReadonlySet<string>, defaults: Defaults): Map<string, unknown> {
  // The variable reaches a daemon that the CLI starts by itself; a file named by it must be there, as one named by the flag.
  const path =
    flags["config-file"] ||
    process.env.DHOW_CONFIG_FILE ||
    defaults.configFiles.find((candidate) => existsSync(candidate));
  if (path === undefined) return new Map();
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`unable to configure the Docker daemon with file ${path}: ${(error as Error).message}`);
  }
  return readConfigFile(path, text, new Map(Object.entries(flags).filter(([name]) => changed.has(name))));
}

function hostsOf(given: readonly string[], defaults: Defaults): HostAddress[] {
  return (given.length > 0 ? given : [`unix://${defaults.socket}`]).map((text) => parseHost(text, defaults.socket));
}

/**
 * A TCP listener gives root to whoever reaches it, loopback included: without mutual TLS it needs a plain word, which is
 * dockerd's own `--tls=false` or `--tlsverify=false`.
 */
function tlsFiles(values: Values, said: boolean, hosts: readonly HostAddress[]): TlsFiles | undefined {
  const tcp = hosts.find((host) => host.kind === "tcp");
  if (tcp && !values.tlsverify && (!said || values.tls)) {
    throw new Error(
      "refusing to listen on TCP without verifying clients: use --tlsverify, or say --tls=false to let anybody who can connect be root here",
    );
  }
  if (!values.tlsverify) return undefined;
  const { tlscacert: ca, tlscert: cert, tlskey: key } = values;
  if (!ca || !cert || !key) throw new Error("--tlsverify needs --tlscacert, --tlscert and --tlskey");
  return { ca, cert, key };
}

function engineConfig(values: Values, execRoot: string): EngineConfig {
  const ulimits = Object.entries(values["default-ulimit"]).map(([name, text]) => [name, parseUlimit(text)] as const);
  return Object.freeze<EngineConfig>({
    dataRoot: absolute(values["data-root"] || "/var/lib/dhow"),
    execRoot,
    instance: execRoot === defaultExecRoot ? "dhow" : instanceName(execRoot),
    debug: values.debug,
    storageDriver: optional(values["storage-driver"]),
    defaultRuntime: optional(values["default-runtime"]),
    runtimes: values["add-runtime"],
    cgroupParent: optional(values["cgroup-parent"]),
    cdiSpecDirs: values["cdi-spec-dir"].length > 0 ? values["cdi-spec-dir"].map(absolute) : defaultCdiSpecDirs,
    pluginDirs: values["plugin-dir"].length > 0 ? values["plugin-dir"].map(absolute) : defaultPluginDirs,
    registry: {
      mirrors: checkMirrors(values["registry-mirror"]),
      insecure: checkInsecure(values["insecure-registry"]),
    },
    network: {
      ...defaultBridge(values),
      bip: optional(values.bip),
      fixedCidr: optional(values["fixed-cidr"]),
      defaultGateway: optional(values["default-gateway"]),
      ipv6: values.ipv6,
      bip6: optional(values.bip6),
      fixedCidr6: optional(values["fixed-cidr-v6"]),
      defaultGateway6: optional(values["default-gateway-v6"]),
      addressPools: values["default-address-pool"],
      networkOptions: values["default-network-opt"],
      mtu: values.mtu,
      icc: values.icc,
      ipMasquerade: values["ip-masq"],
      ipForward: values["ip-forward"],
      directRouting: values["allow-direct-routing"],
      firewall: values.iptables,
      userChain: values["user-chain"],
      firewall6: values.iptables && values.ip6tables,
      hostBinding: values.ip,
      userlandProxy: values["userland-proxy"],
      dns: values.dns,
      dnsSearch: values["dns-search"],
      dnsOptions: values["dns-opt"],
      hostGatewayIps: values["host-gateway-ip"],
    },
    logDriver: checkLogDriver(values["log-driver"]),
    logOptions: checkLogOptions(values["log-driver"], values["log-opt"]),
    defaultUlimits: Object.fromEntries(ulimits),
    init: values.init,
    initPath: optional(values["init-path"]),
    seccompProfile: optional(values["seccomp-profile"]),
    noNewPrivileges: values["no-new-privileges"],
    shmSize: values["default-shm-size"],
    labels: checkLabels(values.label),
    shutdownTimeout: values["shutdown-timeout"],
    maxConcurrentDownloads: atLeastOne("max concurrent downloads", values["max-concurrent-downloads"]),
    maxConcurrentUploads: atLeastOne("max concurrent uploads", values["max-concurrent-uploads"]),
    maxDownloadAttempts: atLeastOne("max download attempts", values["max-download-attempts"]),
    gc: values.gc,
    buildGrants: values.builder.grants,
    buildCache: values.builder.cache,
  });
}

const optional = (text: string): string | undefined => (text === "" ? undefined : text);
const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(path));

/** Short, because kernel names that start with it have 15 characters at most. */
export function instanceName(execRoot: string): string {
  return `d${createHash("sha256").update(execRoot).digest("hex").slice(0, 6)}`;
}

function checkBridgeName(name: string): string {
  if (!/^[A-Za-z0-9][\w.-]{0,14}$/.test(name)) throw new Error(`invalid bridge name: ${JSON.stringify(name)}`);
  return name;
}

function defaultBridge({ bridge, bip, "bridge-name": own }: Values) {
  if (bridge === "" || bridge === own) return { bridgeName: checkBridgeName(own), foreignBridge: false };
  if (bip !== "") throw new Error("You specified -b & --bip, mutually exclusive options. Please specify only one");
  return { bridgeName: checkBridgeName(bridge), foreignBridge: bridge !== "none" };
}

function atLeastOne(what: string, value: number): number {
  if (value < 1) throw new Error(`invalid ${what}: ${value}`);
  return value;
}

function readLogLevel(text: string): LogLevel {
  const level = logLevels.find((known) => known === (text === "warning" ? "warn" : text));
  if (!level) throw new Error(`invalid logging level: ${text}`);
  return level;
}

function readLogFormat(text: string): "text" | "json" {
  if (text !== "text" && text !== "json") throw new Error(`invalid log format: ${text}`);
  return text;
}
