/** What can never start is refused when the container is created, in the words that Docker's clients know. */
import type { HostConfig } from "../../api/host-config.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Int64 } from "../../lib/json.ts";
import { containerCapabilities } from "../capabilities.ts";
import type { HostFacts } from "../host-facts.ts";
import { reservedAnnotationPrefix } from "./build.ts";
import { parseDeviceRule } from "./devices.ts";
import type { SpecConfig, SpecDefaults, SpecHostConfig } from "./input.ts";
import { effectiveRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-opt.ts";

/** Fewer bytes than this and not even the runtime can set the container up. */
const leastMemory = 6 * 1024 * 1024;

export type Discarded = Partial<
  Pick<
    HostConfig,
    "Memory" | "PidsLimit" | "NanoCpus" | "CpuQuota" | "CpusetCpus" | "BlkioWeight" | "BlkioWeightDevice"
  >
>;

export interface Verdict {
  /** About what this host cannot do and will therefore ignore. */
  readonly warnings: readonly string[];
  /** What of the limits is ignored, as it is in a container without them. */
  readonly discarded: Discarded;
}

/** Throws `invalidArgument`. */
export function validateHostConfig(
  config: SpecConfig,
  hostConfig: SpecHostConfig,
  host: HostFacts,
  defaults: SpecDefaults,
): Verdict {
  checkProcess(config);
  checkMemory(hostConfig);
  checkCpu(hostConfig, host);
  checkSecurity(hostConfig, host);
  checkModes(hostConfig);
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseDeviceRule(rule);
  const { warnings } = effectiveRlimits(hostConfig.Ulimits, defaults.ulimits, host);
  const lacking = limitsLacking(hostConfig, host);
  return { warnings: [...warnings, ...lacking.warnings], discarded: lacking.discarded };
}

function checkProcess(config: SpecConfig): void {
  for (const variable of config.Env ?? []) {
    if (variable.includes("\0")) throw invalidArgument("invalid environment variable: it holds a NUL byte");
    if (variable.startsWith("=") || variable === "") throw invalidArgument(`invalid environment variable: ${variable}`);
  }
  for (const text of [...(config.Entrypoint ?? []), ...(config.Cmd ?? []), config.WorkingDir ?? ""]) {
    if (text.includes("\0")) throw invalidArgument("invalid argument: it holds a NUL byte");
  }
  const dir = config.WorkingDir;
  if (dir && !dir.startsWith("/")) {
    throw invalidArgument(`the working directory '${dir}' is invalid, it needs to be an absolute path`);
  }
  const name = config.Hostname;
  // The kernel takes any 64 bytes; what would end a line of /etc/hosts is refused.
  if (name && (Buffer.byteLength(name) > 64 || /\p{Cc}/u.test(name))) {
    throw invalidArgument(`invalid hostname: "${name}"`);
  }
  const domain = config.Domainname;
  if (domain && (Buffer.byteLength(domain) > 64 || /\p{Cc}/u.test(domain)))
    throw invalidArgument(`invalid domain name: "${domain}"`);
}

const positive = (value: Int64 | null | undefined): value is Int64 => value != null && value > 0;
const negative = (value: Int64 | null | undefined): boolean => value != null && value < 0;

const given = (value: Int64 | null | undefined): value is Int64 => value != null && Number(value) !== 0;

function checkMemory(host: SpecHostConfig): void {
  if (given(host.Memory) && host.Memory < leastMemory) {
    throw invalidArgument("Minimum memory limit allowed is 6MB");
  }
  if (positive(host.Memory) && positive(host.MemorySwap) && host.MemorySwap < host.Memory) {
    throw invalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (!positive(host.Memory) && positive(host.MemorySwap)) {
    throw invalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const swappiness = host.MemorySwappiness;
  if (swappiness != null && (swappiness < -1 || swappiness > 100)) {
    throw invalidArgument(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (given(host.MemoryReservation) && host.MemoryReservation < leastMemory) {
    throw invalidArgument("Minimum memory reservation allowed is 6MB");
  }
  if (positive(host.Memory) && positive(host.MemoryReservation) && host.Memory < host.MemoryReservation) {
    throw invalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  if (negative(host.ShmSize)) throw invalidArgument("SHM size can not be less than 0");
  if (host.OomScoreAdj != null && (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000)) {
    throw invalidArgument(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
}

/** What the kernel knows of at most. */
const mostShares = 262_144;

function checkCpu(host: SpecHostConfig, facts: HostFacts): void {
  if (positive(host.NanoCpus) && positive(host.CpuPeriod)) {
    throw invalidArgument("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (positive(host.NanoCpus) && positive(host.CpuQuota)) {
    throw invalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (negative(host.NanoCpus) || Number(host.NanoCpus ?? 0) > facts.cpus * 1e9) {
    const most = facts.cpus.toFixed(2);
    throw invalidArgument(`range of CPUs is from 0.01 to ${most}, as there are only ${facts.cpus} CPUs available`);
  }
  if (positive(host.CpuPeriod) && (host.CpuPeriod < 1000 || host.CpuPeriod > 1_000_000)) {
    throw invalidArgument("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (positive(host.CpuQuota) && host.CpuQuota < 1000) {
    throw invalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (negative(host.CpuShares)) {
    throw invalidArgument(`invalid CPU shares (${host.CpuShares}): value must be a positive integer`);
  }
  // The OCI runtimes for the first version of cgroups refuse it; the second would take it for 2.
  if (Number(host.CpuShares) === 1) throw invalidArgument("the minimum allowed cpu-shares is 2");
  if (Number(host.CpuShares ?? 0) > mostShares) {
    throw invalidArgument(`the maximum allowed cpu-shares is ${mostShares}`);
  }
  checkSet("CPUs", host.CpusetCpus, facts.cpus);
  checkSet("memory nodes", host.CpusetMems, facts.memoryNodes);
  const weight = host.BlkioWeight;
  if (facts.blkioWeight && weight && (weight < 10 || weight > 1000)) {
    throw invalidArgument("Range of blkio weight is from 10 to 1000");
  }
}

function checkSet(what: string, text: string | null | undefined, count: number): void {
  if (!text) return;
  const option = what === "CPUs" ? "cpuset cpus" : "cpuset mems";
  if (!/^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$/.test(text)) {
    throw invalidArgument(`Invalid value ${text} for ${option}: invalid format: ${text}`);
  }
  const highest = Math.max(...text.split(/[,-]/).map(Number));
  if (highest >= count) {
    const available = count === 1 ? "0" : `0-${count - 1}`;
    throw invalidArgument(`Requested ${what} are not available - requested ${text}, available: ${available}`);
  }
}

function checkSecurity(hostConfig: SpecHostConfig, host: HostFacts): void {
  const { labels } = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  for (const label of labels) {
    if (label !== "disable") {
      throw invalidArgument(`SELinux labels are not supported by this engine yet: cannot apply label=${label}`);
    }
  }
  containerCapabilities(hostConfig.CapAdd ?? [], hostConfig.CapDrop ?? [], {
    privileged: false,
    available: host.capabilities,
  });
  for (const key of Object.keys(hostConfig.Annotations ?? {})) {
    if (key === "" || key.includes("\0"))
      throw invalidArgument("invalid Annotations: the empty string is not permitted as an annotation key");
    if (key.startsWith(reservedAnnotationPrefix)) {
      throw invalidArgument(
        `invalid annotation "${key}": keys that begin with "${reservedAnnotationPrefix}" are the engine's own`,
      );
    }
  }
  for (const [key, value] of Object.entries(hostConfig.Sysctls ?? {})) checkSysctl(key, value, hostConfig);
}

const ipcSysctls = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Only what belongs to a namespace of the container's own may be set; everything else is the host's. */
function checkSysctl(key: string, value: string, host: SpecHostConfig): void {
  if (!/^[A-Za-z0-9_]+([./-][A-Za-z0-9_:@-]+)+$/.test(key) || key.includes("..") || /[\0\n]/.test(value)) {
    throw invalidArgument(`sysctl '${key}=${value}' is not allowed: it is malformed`);
  }
  const name = key.replaceAll("/", ".");
  if (name.startsWith("net.")) {
    if (host.NetworkMode === "host") {
      throw invalidArgument(`sysctl "${key}" not allowed in host network namespace`);
    }
    return;
  }
  if (ipcSysctls.has(name) || name.startsWith("fs.mqueue.")) {
    if (host.IpcMode === "host") throw invalidArgument(`sysctl "${key}" not allowed in host ipc namespace`);
    return;
  }
  if (name === "kernel.domainname" && host.UTSMode !== "host") return;
  throw invalidArgument(`sysctl "${key}" is not in a separate kernel namespace`);
}

function checkModes(host: SpecHostConfig): void {
  const bad = (what: string, value: string | null | undefined) => invalidArgument(`invalid ${what} mode: ${value}`);
  const container = /^container:.+$/;
  if (host.PidMode && host.PidMode !== "host" && !container.test(host.PidMode)) throw bad("PID", host.PidMode);
  if (host.UTSMode && host.UTSMode !== "host") throw bad("UTS", host.UTSMode);
  if (host.IpcMode && !/^(none|private|shareable|host|container:.+)$/.test(host.IpcMode))
    throw bad("IPC", host.IpcMode);
  if (host.CgroupnsMode && !/^(private|host)$/.test(host.CgroupnsMode)) {
    throw bad("cgroup namespace", host.CgroupnsMode);
  }
  if (host.UsernsMode && host.UsernsMode !== "host") throw bad("userns", host.UsernsMode);
}

/** Limits whose controller this host lacks are left out, which the user is told. */
function limitsLacking(hostConfig: SpecHostConfig, host: HostFacts): Verdict {
  const warnings: string[] = [];
  let discarded: Discarded = {};
  const lack = (controller: string, what: string, limits: Discarded): void => {
    const asked = Object.keys(limits).some((name) => isSet(hostConfig[name as keyof Discarded]));
    if (!asked || host.controllers.has(controller)) return;
    warnings.push(`Your kernel does not support ${what} or the cgroup is not mounted. Limitation discarded.`);
    discarded = { ...discarded, ...limits };
  };
  lack("memory", "memory limit capabilities", { Memory: 0 });
  lack("pids", "PIDs limit capabilities", { PidsLimit: null });
  lack("cpu", "CPU CFS scheduler", { NanoCpus: 0, CpuQuota: 0 });
  lack("cpuset", "cpuset", { CpusetCpus: "" });
  if (hostConfig.BlkioWeight && !host.blkioWeight) {
    warnings.push("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
    discarded = { ...discarded, BlkioWeight: 0 };
  }
  if (hostConfig.BlkioWeightDevice?.length && !host.blkioWeight) {
    warnings.push(
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    );
    discarded = { ...discarded, BlkioWeightDevice: [] };
  }
  if (positive(hostConfig.Memory) && !host.swapLimit) {
    warnings.push(
      "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    );
  }
  if (hostConfig.OomKillDisable && !positive(hostConfig.Memory)) {
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
  return { warnings, discarded };
}

const isSet = (value: Int64 | string | readonly unknown[] | null | undefined): boolean =>
  typeof value === "string" ? value !== "" : value != null && Number(value) > 0;
