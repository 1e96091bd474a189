/** dockerd's flags as far as this engine has what they ask for, and our own; `config-file.ts` names their keys in daemon.json. */
import { type Flags, flag, splitPair } from "../lib/flags.ts";
import { defaultBuilderPolicy, parseBuilder } from "./builder-policy.ts";
import { inertFlags, refusedFlags } from "./config-flags-other.ts";
import { defaultGcPolicy, parseGcPolicy } from "./gc-policy.ts";

export interface AddressPool {
  readonly base: string;
  readonly size: number;
}

/** Options of networks by driver. */
export type NetworkOptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const daemonFlags = {
  "add-runtime": flag.map("Register an additional OCI runtime", { check: checkRuntime }),
  "allow-direct-routing": flag.bool("Let published ports be reached at the containers' own addresses, too"),
  bip: flag.string("Address and prefix of the default bridge"),
  bip6: flag.string("IPv6 address and prefix of the default bridge", { kind: "string" }),
  bridge: flag.string("Bridge of one's own for the default network; none for no such network", { short: "b" }),
  "bridge-name": flag.string("Device of the default bridge network", { initial: "dhow0" }),
  builder: {
    help: "What builds may be granted and their cache may hold, as the builder object of daemon.json",
    kind: "json",
    initial: defaultBuilderPolicy,
    parse: (text: string) => parseBuilder(text),
  },
  "cdi-spec-dir": flag.list("Directories of CDI specifications (default /etc/cdi and /var/run/cdi)", {
    complete: "files",
  }),
  "cgroup-parent": flag.string("Parent cgroup of all containers"),
  "config-file": flag.string("Daemon configuration file", { complete: "files" }),
  "data-root": flag.string("Root directory of persistent state", { complete: "files" }),
  debug: flag.bool("Enable debug mode", { short: "D" }),
  "default-address-pool": {
    help: "Address pools for local networks",
    kind: "pool-options",
    initial: [] as readonly AddressPool[],
    parse: (text: string, previous: readonly AddressPool[]) => [...previous, parseAddressPool(text)],
  },
  "default-gateway": flag.string("Default gateway of the default bridge", { kind: "ip" }),
  "default-gateway-v6": flag.string("Default IPv6 gateway of the default bridge", { kind: "ip" }),
  "default-network-opt": {
    help: "Options of networks that name none, by driver (driver=option=value)",
    kind: "mapmap",
    initial: {} as NetworkOptions,
    parse: parseNetworkOption,
  },
  "default-runtime": flag.string("OCI runtime for containers that name none"),
  "default-shm-size": flag.bytes("Size of /dev/shm of containers", { initial: 64 * 1024 * 1024 }),
  "default-ulimit": flag.map("Default ulimits of containers", { check: checkUlimit }),
  dns: flag.list("DNS server to use"),
  "dns-opt": flag.list("DNS options to use"),
  "dns-search": flag.list("DNS search domains to use"),
  "exec-root": flag.string("Root directory of runtime state", { complete: "files" }),
  "fixed-cidr": flag.string("Subnet that addresses on the default bridge come from"),
  "fixed-cidr-v6": flag.string("IPv6 subnet that addresses on the default bridge come from"),
  gc: {
    help: "Policy of garbage collection, as the JSON object that daemon.json holds",
    kind: "json",
    initial: defaultGcPolicy,
    parse: parseGcPolicy,
  },
  group: flag.string("Group of the unix socket", { short: "G", initial: "docker" }),
  host: flag.list("Sockets to listen on", { short: "H" }),
  "host-gateway-ip": flag.list("Addresses that host-gateway stands for"),
  icc: flag.bool("Let containers on the default bridge reach each other", { initial: true }),
  init: flag.bool("Run an init in containers"),
  "init-path": flag.string("Path of the init binary", { complete: "files" }),
  "http-proxy": flag.string("Proxy for registries over HTTP; the environment's unless given"),
  "https-proxy": flag.string("Proxy for registries over HTTPS; the environment's unless given"),
  "no-proxy": flag.string("Hosts that are asked without a proxy, parted by commas"),
  "insecure-registry": flag.list("Registries that may be spoken to over HTTP"),
  ip: flag.string("Host address of published ports", { initial: "0.0.0.0", kind: "ip" }),
  "ip-forward": flag.bool("Enable IP forwarding", { initial: true }),
  "ip-masq": flag.bool("Masquerade traffic that leaves", { initial: true }),
  ip6tables: flag.bool("Let the engine write firewall rules for IPv6", { initial: true }),
  "user-chain": flag.bool(
    "Keep a firewall chain for rules of one's own before the engine's: forward in the table inet INSTANCE-user",
  ),
  iptables: flag.bool("Let the engine write firewall rules", { initial: true }),
  ipv6: flag.bool("Give IPv6 addresses on the default bridge"),
  label: flag.list("Labels of the daemon"),
  "log-driver": flag.string("Default log driver of containers", { initial: "json-file" }),
  "log-format": flag.string("Format of the daemon's log (text or json)", { initial: "text" }),
  "log-level": flag.string("Level of the daemon's log", {
    short: "l",
    initial: "info",
    complete: ["debug", "info", "warn", "error", "fatal"],
  }),
  "log-opt": flag.map("Default log driver options"),
  "max-concurrent-downloads": flag.int("Layers to download at once", { initial: 3 }),
  "max-concurrent-uploads": flag.int("Layers to upload at once", { initial: 5 }),
  "max-download-attempts": flag.int("Times to try each layer of a pull", { initial: 5 }),
  mtu: flag.int("MTU of the default bridge", { initial: 1500 }),
  "no-new-privileges": flag.bool("Set no-new-privileges for containers by default"),
  pidfile: flag.string("File to write the daemon's pid to", { short: "p", complete: "files" }),
  "plugin-dir": flag.list(
    "Directories of plugins (default /run/docker/plugins, /etc/docker/plugins and /usr/lib/docker/plugins)",
    { complete: "files" },
  ),
  "registry-mirror": flag.list("Mirrors: URL of Docker Hub's, HOST=URL of another registry's"),
  "seccomp-profile": flag.string("Seccomp profile of containers that name none", { complete: "files" }),
  "shutdown-timeout": flag.int("Seconds that containers get to stop", { initial: 15 }),
  "storage-driver": flag.string("Storage driver", { short: "s", complete: ["overlay2", "vfs"] }),
  tls: flag.bool("Use TLS; implied by --tlsverify"),
  tlscacert: flag.string("Certificates of authorities to trust", { complete: "files" }),
  tlscert: flag.string("Path of the TLS certificate", { complete: "files" }),
  tlskey: flag.string("Path of the TLS key", { complete: "files" }),
  tlsverify: flag.bool("Use TLS and verify the clients"),
  "userland-proxy": flag.bool("Proxy published ports where NAT cannot reach", { initial: true }),
  validate: flag.bool("Check the configuration and exit"),
  version: flag.bool("Print the version and exit", { short: "v" }),

  ...inertFlags,
  ...refusedFlags,
} satisfies Flags;

function checkRuntime(text: string): string {
  const [name, path] = splitPair(text);
  if (!/^[a-z][\w.-]*$/i.test(name) || path === "") throw new Error(`invalid runtime argument: ${text}`);
  if (name === "runc" || name === "crun") throw new Error(`runtime name '${name}' is reserved`);
  return text;
}

function checkUlimit(text: string): string {
  parseUlimit(splitPair(text)[1]);
  return text;
}

/** Reads `soft[:hard]`; -1 means unlimited. */
export function parseUlimit(text: string): { soft: number; hard: number } {
  const match = /^(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!match) throw new Error(`invalid ulimit argument: ${text}`);
  const soft = Number(match[1]);
  const hard = match[2] === undefined ? soft : Number(match[2]);
  if (hard !== -1 && (soft > hard || soft === -1)) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { soft, hard };
}

/** Reads `base=10.10.0.0/16,size=24`. */
export function parseAddressPool(text: string): AddressPool {
  const fields = new Map(text.split(",").map((field) => splitPair(field)));
  const base = fields.get("base") ?? "";
  const size = Number(fields.get("size"));
  if (!/^[\d.:a-fA-F]+\/\d+$/.test(base)) throw new Error(`invalid base pool: ${text}`);
  if (!Number.isInteger(size) || size < 1 || size > 128) throw new Error(`invalid pool size: ${text}`);
  return { base, size };
}

/** Reads `bridge=com.docker.network.driver.mtu=1400`, one more of a driver's options. */
function parseNetworkOption(text: string, previous: NetworkOptions): NetworkOptions {
  const [driver, setting] = splitPair(text);
  const [name, value] = splitPair(setting);
  if (driver === "" || name === "" || !setting.includes("=")) {
    throw new Error(`invalid network option: ${text}: it should be driver=option=value`);
  }
  return { ...previous, [driver]: { ...previous[driver], [name]: value } };
}
