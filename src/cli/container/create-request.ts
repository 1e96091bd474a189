/** From flags to the body of `POST /containers/create`; checks what only the client can know. */
import type { ContainerConfig } from "../../api/containers.ts";
import type { HostConfig, Ulimit } from "../../api/host-config.ts";
import type { EndpointSettings } from "../../api/networks.ts";
import { splitCsv, splitPair } from "../../lib/flags.ts";
import { parseBytes } from "../../lib/units.ts";
import type { ConfigFile } from "../config-file.ts";
import type { CreateFlags } from "./create-flags.ts";
import { addPair, readEnvironment, readLabels } from "./env-file.ts";
import { completeBind, parseMount } from "./mounts.ts";
import { exposePort, type PublishedPorts, publishPort } from "./ports.ts";

/** What is sent: only known fields, the rest the daemon's defaults. */
export type CreateBody = Partial<ContainerConfig> & {
  HostConfig: Partial<HostConfig>;
  NetworkingConfig: { EndpointsConfig: Record<string, Partial<EndpointSettings>> };
};

interface Context {
  readonly flags: CreateFlags;
  readonly changed: ReadonlySet<string>;
  readonly args: readonly string[];
  readonly detach: boolean;
  readonly config: ConfigFile;
  readonly daemonAddress: string;
}

/** Builds the request; throws with the reason on a value that makes no sense. */
export async function createRequest(context: Context): Promise<CreateBody> {
  const { flags, changed, args, detach } = context;
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of flags.publish) publishPort(spec, ports);
  for (const spec of flags.expose) exposePort(spec, ports);
  const attached = attachments(flags, detach);
  const [image = "", ...words] = args;
  const variables = await readEnvironment(flags["env-file"], flags.env);
  const volumes: Record<string, Record<string, never>> = {};
  const binds: string[] = [];
  for (const spec of flags.volume) {
    if (spec.includes(":")) binds.push(completeBind(spec));
    else volumes[spec] = {};
  }
  const healthcheck = healthConfig(flags, changed);
  const openStdin = flags.interactive;
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attached.has("stdin"),
    AttachStdout: attached.has("stdout"),
    AttachStderr: attached.has("stderr"),
    ...(Object.keys(ports.exposed).length > 0 && { ExposedPorts: ports.exposed }),
    Tty: flags.tty,
    OpenStdin: openStdin,
    StdinOnce: openStdin && attached.has("stdin"),
    Env: [...proxyVariables(context, variables), ...variables],
    Cmd: words.length > 0 ? words : null,
    ...(healthcheck && { Healthcheck: healthcheck }),
    Image: image,
    Volumes: volumes,
    WorkingDir: flags.workdir,
    Entrypoint: changed.has("entrypoint") ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: await readLabels(flags["label-file"], flags.label),
    ...(flags["stop-signal"] && { StopSignal: flags["stop-signal"] }),
    ...(changed.has("stop-timeout") && { StopTimeout: flags["stop-timeout"] }),
    HostConfig: await hostConfig(context, binds, ports),
    NetworkingConfig: { EndpointsConfig: endpoints(flags) },
  };
}

/** The streams that a client joins: those asked for, or all that make sense. */
export function attachments(flags: Pick<CreateFlags, "attach" | "interactive">, detach: boolean): Set<string> {
  const wanted = new Set<string>();
  for (const name of flags.attach) {
    const stream = name.toLowerCase();
    if (!["stdin", "stdout", "stderr"].includes(stream)) throw new Error(`valid streams are STDIN, STDOUT and STDERR`);
    wanted.add(stream);
  }
  if (wanted.size === 0 && !detach) {
    wanted.add("stdout").add("stderr");
    if (flags.interactive) wanted.add("stdin");
  }
  return wanted;
}

async function hostConfig(context: Context, binds: string[], ports: PublishedPorts): Promise<Partial<HostConfig>> {
  const { flags, changed } = context;
  const security = await securityOptions(flags["security-opt"]);
  const networks = [...flags.network, ...flags.net];
  const logOptions: Record<string, string> = {};
  for (const option of flags["log-opt"]) addPair(logOptions, option);
  if (flags["log-driver"] === "none" && flags["log-opt"].length > 0)
    throw new Error("invalid logging opts for driver none");
  const storage: Record<string, string> = {};
  for (const option of flags["storage-opt"]) {
    if (!option.includes("=")) throw new Error("invalid storage option");
    addPair(storage, option);
  }
  const tmpfs: Record<string, string> = {};
  for (const spec of flags.tmpfs) {
    const [path, options] = splitPair(spec, ":");
    tmpfs[path] = options;
  }
  const swappiness = flags["memory-swappiness"];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  const mounts = flags.mount.map(parseMount);
  if (flags["use-api-socket"]) throw new Error("--use-api-socket is not supported yet");
  if (flags.rm && flags.restart !== "no" && flags.restart !== "") {
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  }
  return {
    Binds: binds.length > 0 ? binds : null,
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags["log-driver"], Config: logOptions },
    NetworkMode: networks.length > 0 ? networkName(networks[0]!) : "default",
    PortBindings: ports.bindings,
    RestartPolicy: restartPolicy(flags.restart),
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNull(flags["volumes-from"]),
    ...(Object.keys(flags.annotation).length > 0 && { Annotations: flags.annotation }),
    CapAdd: orNull(flags["cap-add"]),
    CapDrop: orNull(flags["cap-drop"]),
    CgroupnsMode: flags.cgroupns,
    Dns: flags.dns,
    DnsOptions: [...flags["dns-option"], ...flags["dns-opt"]],
    DnsSearch: flags["dns-search"],
    ExtraHosts: orNull(flags["add-host"].map(extraHost)),
    GroupAdd: orNull(flags["group-add"]),
    IpcMode: flags.ipc,
    Links: orNull(flags.link),
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    SecurityOpt: orNull(security.options),
    ...(security.unconfinedPaths && { MaskedPaths: [], ReadonlyPaths: [] }),
    ...(flags["storage-opt"].length > 0 && { StorageOpt: storage }),
    ...(flags.tmpfs.length > 0 && { Tmpfs: tmpfs }),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags["shm-size"],
    ...(Object.keys(flags.sysctl).length > 0 && { Sysctls: flags.sysctl }),
    ...(flags.runtime && { Runtime: flags.runtime }),
    Isolation: flags.isolation,
    ...resources(flags),
    MemorySwappiness: swappiness,
    OomKillDisable: flags["oom-kill-disable"],
    CgroupParent: flags["cgroup-parent"],
    BlkioWeightDevice: flags["blkio-weight-device"].map(weightDevice),
    BlkioDeviceReadBps: flags["device-read-bps"].map((text) => throttle(text, parseBytes)),
    BlkioDeviceWriteBps: flags["device-write-bps"].map((text) => throttle(text, parseBytes)),
    BlkioDeviceReadIOps: flags["device-read-iops"].map((text) => throttle(text, Number)),
    BlkioDeviceWriteIOps: flags["device-write-iops"].map((text) => throttle(text, Number)),
    Devices: flags.device.map(device),
    DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
    DeviceRequests: flags.gpus.length > 0 ? flags.gpus.map(gpuRequest) : null,
    Ulimits: flags.ulimit.map(ulimit),
    ...(mounts.length > 0 && { Mounts: mounts }),
    ...(changed.has("init") && { Init: flags.init }),
  };
}

/** The limits that `update` changes too. */
export function resources(
  flags: Pick<CreateFlags, keyof typeof import("./create-flags.ts").resourceFlags>,
): Partial<HostConfig> {
  return {
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    BlkioWeight: flags["blkio-weight"],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    ...(flags["kernel-memory"] > 0 && { KernelMemory: flags["kernel-memory"] }),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    PidsLimit: flags["pids-limit"],
  };
}

const orNull = (values: string[]): string[] | null => (values.length > 0 ? values : null);

/** `no`, `always`, `unless-stopped`, `on-failure[:N]`. */
export function restartPolicy(text: string): { Name: string; MaximumRetryCount: number } {
  const [name, count] = splitPair(text, ":");
  if (text.includes(":") && name === "")
    throw new Error(`invalid restart policy format: no policy provided before colon`);
  if (count !== "" && !/^\d+$/.test(count))
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  return { Name: name, MaximumRetryCount: Number(count || 0) };
}

function healthConfig(flags: CreateFlags, changed: ReadonlySet<string>): ContainerConfig["Healthcheck"] {
  const given = [...changed].some((name) => name.startsWith("health-"));
  if (flags["no-healthcheck"]) {
    if (given) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!given) return undefined;
  const names = [
    "health-interval",
    "health-timeout",
    "health-start-period",
    "health-start-interval",
    "health-retries",
  ] as const;
  for (const name of names) if (flags[name] < 0) throw new Error(`--${name} cannot be negative`);
  return {
    ...(flags["health-cmd"] && { Test: ["CMD-SHELL", flags["health-cmd"]] }),
    Interval: flags["health-interval"],
    Timeout: flags["health-timeout"],
    StartPeriod: flags["health-start-period"],
    StartInterval: flags["health-start-interval"],
    Retries: flags["health-retries"],
  };
}

/** `name:address` or `name=address`, written the API's way. */
function extraHost(text: string): string {
  const at = text.includes("=") ? text.indexOf("=") : text.indexOf(":");
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (at <= 0 || address === "") throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  return `${text.slice(0, at)}:${address}`;
}

function device(text: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const parts = text.split(":");
  const isMode = (part: string): boolean => /^[rwm]{1,3}$/.test(part);
  const [host = "", second = "", third = ""] = parts;
  if (parts.length > 3 || host === "") throw new Error(`invalid device specification: ${text}`);
  if (parts.length === 3 && !isMode(third)) throw new Error(`invalid device specification: ${text}`);
  if (parts.length === 2 && isMode(second))
    return { PathOnHost: host, PathInContainer: host, CgroupPermissions: second };
  return { PathOnHost: host, PathInContainer: second || host, CgroupPermissions: third || "rwm" };
}

function throttle(text: string, parse: (rate: string) => number): { Path: string; Rate: number } {
  const [path, rate] = splitPair(text, ":");
  const value = parse(rate);
  if (!path.startsWith("/dev/") || rate === "" || !Number.isInteger(value) || value < 0) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  }
  return { Path: path, Rate: value };
}

function weightDevice(text: string): { Path: string; Weight: number } {
  const [path, weight] = splitPair(text, ":");
  const value = Number(weight);
  if (!path.startsWith("/dev/") || !(value === 0 || (value >= 10 && value <= 1000)))
    throw new Error(`invalid weight for device: ${text}`);
  return { Path: path, Weight: value };
}

function ulimit(text: string): Ulimit {
  const [name, limits] = splitPair(text);
  const [soft = "", hard = soft] = limits.split(":");
  const number = (value: string): number => {
    if (!/^-?\d+$/.test(value)) throw new Error(`invalid ulimit argument: ${text}`);
    return Number(value);
  };
  return { Name: name, Soft: number(soft), Hard: number(hard) };
}

function gpuRequest(text: string): NonNullable<HostConfig["DeviceRequests"]>[number] {
  const request = { Driver: "", Count: 0, DeviceIDs: null as string[] | null, Capabilities: [["gpu"]], Options: {} };
  for (const field of splitCsv(text)) {
    const [key, value] = splitPair(field);
    if (field === "all" || (key === "count" && value === "all")) request.Count = -1;
    else if (/^\d+$/.test(field)) request.Count = Number(field);
    else if (key === "count") request.Count = Number(value);
    else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  return request;
}

async function securityOptions(given: readonly string[]): Promise<{ options: string[]; unconfinedPaths: boolean }> {
  const options: string[] = [];
  let unconfinedPaths = false;
  for (const option of given) {
    const at = option.search(/[=:]/);
    const key = at < 0 ? option : option.slice(0, at);
    const value = at < 0 ? "" : option.slice(at + 1);
    if (at < 0 && key !== "no-new-privileges") throw new Error(`invalid --security-opt: ${JSON.stringify(option)}`);
    if (key === "systempaths" && value === "unconfined") {
      unconfinedPaths = true;
    } else if (key === "seccomp" && value !== "unconfined" && value !== "builtin") {
      const file = Bun.file(value);
      if (!(await file.exists()))
        throw new Error(`opening seccomp profile (${value}) failed: open ${value}: no such file or directory`);
      const text = await file.text();
      try {
        options.push(`seccomp=${JSON.stringify(JSON.parse(text))}`);
      } catch (error) {
        throw new Error(
          `compacting json for seccomp profile (${value}) failed: ${error instanceof Error ? error.message : error}`,
        );
      }
    } else options.push(option);
  }
  return { options, unconfinedPaths };
}

function networkName(spec: string): string {
  if (!/(^|,)name=/.test(spec)) return spec;
  return (
    splitCsv(spec)
      .map((field) => splitPair(field))
      .find(([key]) => key === "name")?.[1] ?? spec
  );
}

function endpoints(flags: CreateFlags): Record<string, Partial<EndpointSettings>> {
  const specs = [...flags.network, ...flags.net];
  if (specs.length === 0) specs.push("default");
  const result: Record<string, Partial<EndpointSettings>> = {};
  for (const [i, spec] of specs.entries()) {
    const endpoint: Partial<EndpointSettings> = i === 0 ? firstEndpoint(flags) : {};
    const name = networkName(spec);
    if (/(^|,)name=/.test(spec)) networkOptions(spec, endpoint);
    if (result[name]) throw new Error(`network ${JSON.stringify(name)} is specified multiple times`);
    const plain = ["default", "bridge", "host", "none"].includes(name) || name.startsWith("container:");
    if (plain && [...flags["network-alias"], ...flags["net-alias"]].length > 0) {
      throw new Error("network-scoped aliases are only supported for user-defined networks");
    }
    result[name] = endpoint;
  }
  return result;
}

function firstEndpoint(flags: CreateFlags): Partial<EndpointSettings> {
  const aliases = [...flags["network-alias"], ...flags["net-alias"]];
  const addresses = {
    ...(flags.ip && { IPv4Address: flags.ip }),
    ...(flags.ip6 && { IPv6Address: flags.ip6 }),
    ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: flags["link-local-ip"] }),
  };
  const named = flags.network.length + flags.net.length > 0;
  return {
    IPAMConfig: Object.keys(addresses).length > 0 ? addresses : null,
    Links: named ? orNull(flags.link) : null,
    Aliases: orNull(aliases),
    MacAddress: flags["mac-address"],
  };
}

function networkOptions(spec: string, endpoint: Partial<EndpointSettings>): void {
  for (const field of splitCsv(spec)) {
    const [key, value] = splitPair(field);
    if (key === "name") continue;
    if (key === "alias") endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
    else if (key === "ip") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv4Address: value };
    else if (key === "ip6") endpoint.IPAMConfig = { ...endpoint.IPAMConfig, IPv6Address: value };
    else if (key === "mac-address") endpoint.MacAddress = value;
    else if (key === "gw-priority") endpoint.GwPriority = Number(value);
    else if (key === "link-local-ip") {
      endpoint.IPAMConfig = {
        ...endpoint.IPAMConfig,
        LinkLocalIPs: [...(endpoint.IPAMConfig?.LinkLocalIPs ?? []), value],
      };
    } else if (key === "driver-opt") {
      endpoint.DriverOpts = { ...endpoint.DriverOpts, [splitPair(value)[0]]: splitPair(value)[1] };
    } else throw new Error(`invalid field ${key}`);
  }
}

/** The proxies of config.json, for those variables the user did not set. */
function proxyVariables({ config, daemonAddress }: Context, variables: readonly string[]): string[] {
  const proxy = config.proxies?.[daemonAddress] ?? config.proxies?.default;
  if (!proxy) return [];
  const names = {
    httpProxy: "HTTP_PROXY",
    httpsProxy: "HTTPS_PROXY",
    noProxy: "NO_PROXY",
    ftpProxy: "FTP_PROXY",
    allProxy: "ALL_PROXY",
  };
  const taken = new Set(variables.map((variable) => splitPair(variable)[0]));
  const result: string[] = [];
  for (const [key, name] of Object.entries(names)) {
    const value = proxy[key as keyof typeof names];
    if (!value) continue;
    for (const each of [name, name.toLowerCase()]) if (!taken.has(each)) result.push(`${each}=${value}`);
  }
  return result;
}
