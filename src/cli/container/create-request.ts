/** From flags to the body of `POST /containers/create`; checks what only the client can know. */
import type { ContainerConfig } from "../../api/containers.ts";
import type { HostConfig } from "../../api/host-config.ts";
import type { EndpointSettings } from "../../api/networks.ts";
import { splitPair } from "../../lib/flags.ts";
import type { ConfigFile } from "../config-file.ts";
import { refuseContentTrust } from "../image/content-trust.ts";
import { capabilities } from "./capabilities.ts";
import type { CreateFlags } from "./create-flags.ts";
import { byteRate, device, gpuRequest, isCdiName, operationRate, ulimit, weightDevice } from "./devices.ts";
import { endpoints, parseNetwork } from "./endpoints.ts";
import { addPair, readEnvironment, readLabels } from "./env-file.ts";
import { healthConfig } from "./health.ts";
import { parseMount } from "./mounts.ts";
import { checkMacAddress } from "./name-checks.ts";
import { namespaceModes } from "./namespaces.ts";
import { orNull } from "./or-null.ts";
import { exposePort, type PublishedPorts, publishPort } from "./ports.ts";
import { proxyVariables } from "./proxies.ts";
import { resources, restartPolicy } from "./resources.ts";
import { readSecret } from "./secrets.ts";
import { securityOptions } from "./security-options.ts";
import { parseVolume } from "./volume-spec.ts";

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
  if (!["always", "missing", "never"].includes(flags.pull)) {
    throw new Error(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`);
  }
  refuseContentTrust(flags["disable-content-trust"], changed);
  if (flags["mac-address"]) checkMacAddress(flags["mac-address"]);
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of flags.publish) publishPort(spec, ports);
  for (const spec of flags.expose) exposePort(spec, ports);
  const attached = attachments(flags, detach);
  const [image = "", ...words] = args;
  const variables = await readEnvironment(flags["env-file"], flags.env);
  const volumes: Record<string, Record<string, never>> = {};
  const binds: string[] = [];
  for (const spec of new Set(flags.volume)) {
    const volume = parseVolume(spec);
    if ("bind" in volume) binds.push(volume.bind);
    else volumes[volume.anonymous] = {};
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
    Env: [...proxyVariables(context.config, context.daemonAddress, variables), ...variables],
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
  const wanted = new Set(flags.attach);
  if (wanted.size === 0 && !detach) wanted.add("stdout").add("stderr");
  // Standard input that nobody joins stays open for ever.
  if (flags.interactive && !detach) wanted.add("stdin");
  return wanted;
}

async function hostConfig(context: Context, binds: string[], ports: PublishedPorts): Promise<Partial<HostConfig>> {
  const { flags, changed } = context;
  const security = await securityOptions(flags["security-opt"]);
  const networks = [...flags.network, ...flags.net];
  const namespaces = namespaceModes(flags);
  const restart = restartPolicy(flags.restart);
  const devices = flags.device.filter((name) => !isCdiName(name)).map(device);
  const byName = flags.device.filter(isCdiName);
  const requests = flags.gpus.map(gpuRequest);
  if (byName.length > 0) {
    requests.push({ Driver: "cdi", Count: 0, DeviceIDs: byName, Capabilities: [], Options: {} });
  }
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
  if (flags.rm && restart.Name !== "no" && restart.Name !== "") {
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  }
  return {
    Binds: binds.length > 0 ? binds : null,
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags["log-driver"], Config: logOptions },
    NetworkMode: networks.length > 0 ? parseNetwork(networks[0]!).name : "default",
    PortBindings: ports.bindings,
    RestartPolicy: restart,
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNull(flags["volumes-from"]),
    ...(Object.keys(flags.annotation).length > 0 && { Annotations: flags.annotation }),
    ...capabilities(flags["cap-add"], flags["cap-drop"]),
    ...namespaces,
    Dns: flags.dns,
    DnsOptions: [...flags["dns-option"], ...flags["dns-opt"]],
    DnsSearch: flags["dns-search"],
    ExtraHosts: orNull(flags["add-host"]),
    GroupAdd: orNull(flags["group-add"]),
    IpcMode: flags.ipc,
    Links: orNull(flags.link),
    OomScoreAdj: flags["oom-score-adj"],
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    SecurityOpt: orNull(security.options),
    ...(security.unconfinedPaths && { MaskedPaths: [], ReadonlyPaths: [] }),
    ...(flags["storage-opt"].length > 0 && { StorageOpt: storage }),
    ...(flags.tmpfs.length > 0 && { Tmpfs: tmpfs }),
    ShmSize: flags["shm-size"],
    ...(Object.keys(flags.sysctl).length > 0 && { Sysctls: flags.sysctl }),
    ...(flags.runtime && { Runtime: flags.runtime }),
    Isolation: flags.isolation,
    ...resources(flags),
    MemorySwappiness: swappiness,
    OomKillDisable: flags["oom-kill-disable"],
    CgroupParent: flags["cgroup-parent"],
    BlkioWeightDevice: flags["blkio-weight-device"].map(weightDevice),
    BlkioDeviceReadBps: flags["device-read-bps"].map(byteRate),
    BlkioDeviceWriteBps: flags["device-write-bps"].map(byteRate),
    BlkioDeviceReadIOps: flags["device-read-iops"].map(operationRate),
    BlkioDeviceWriteIOps: flags["device-write-iops"].map(operationRate),
    Devices: devices,
    DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
    DeviceRequests: requests.length > 0 ? requests : null,
    Ulimits: flags.ulimit.map(ulimit),
    ...(mounts.length > 0 && { Mounts: mounts }),
    ...(changed.has("init") && { Init: flags.init }),
    ...(flags.secret.length > 0 && { Secrets: await Promise.all(flags.secret.map(readSecret)) }),
  };
}
