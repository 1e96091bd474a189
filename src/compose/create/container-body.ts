/** A service as the body of `POST /containers/create`: one pure function over the model and what the plan knows. */
import type { ContainerConfig, HealthConfig, MountPoint } from "../../api/containers.ts";
import type { HostConfig } from "../../api/host-config.ts";
import { scheduleLabel } from "../../api/jobs.ts";
import type { EndpointSettings } from "../../api/networks.ts";
import { composeVersion, labels, ownLabels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import { scheduleOf } from "../schedule.ts";
import { mountConfig } from "./mounts.ts";
import { networkingOf } from "./networking.ts";
import { exposedPorts, portBindings } from "./ports.ts";
import type { References } from "./references.ts";
import { list, resourcesOf } from "./resources.ts";
import { securityOptions } from "./security.ts";
import { environmentOf, secondsOf } from "./values.ts";

export type CreateBody = Partial<ContainerConfig> & {
  HostConfig: Partial<HostConfig>;
  NetworkingConfig: { EndpointsConfig: Record<string, Partial<EndpointSettings>> };
};

/** One container of a service, as it is to be. */
export interface ContainerOptions {
  readonly name: string;
  readonly number: number;
  readonly configHash: string;
  /** The id of the image that the service's name stands for. */
  readonly imageId: string;
  /** Mounts of the container that this one replaces, whose anonymous volumes it keeps. */
  readonly carried: readonly MountPoint[];
  /** The --env-file flags, absolute. */
  readonly envFiles?: readonly string[];
  /** What the label `replace` says. */
  readonly replaces?: string;
  /** A one-off container (`compose run`) with its random part. */
  readonly oneoff?: { readonly slug: string; readonly autoRemove: boolean; readonly useAliases: boolean };
}

export function imageOf(project: Project, service: Service): string {
  return service.image || `${project.name}-${service.name}`;
}

export function createBody(
  project: Project,
  service: Service,
  references: References,
  options: ContainerOptions,
): CreateBody {
  const { oneoff } = options;
  const networking = networkingOf(project, service, references, {
    containerName: options.name,
    useAliases: oneoff?.useAliases ?? true,
  });
  const { binds, mounts } = mountConfig(project, service, options.carried);
  const health = healthConfig(service);
  const stopTimeout = secondsOf(service.stop_grace_period);
  const openStdin = service.stdin_open ?? false;
  return {
    Hostname: service.hostname ?? "",
    Domainname: service.domainname ?? "",
    User: service.user ?? "",
    ExposedPorts: exposedPorts(service),
    Tty: service.tty ?? false,
    OpenStdin: openStdin,
    StdinOnce: oneoff !== undefined && openStdin,
    AttachStdin: oneoff !== undefined && openStdin,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: service.command && [...service.command],
    Image: imageOf(project, service),
    WorkingDir: service.working_dir ?? "",
    Entrypoint: service.entrypoint && [...service.entrypoint],
    Env: environmentOf(service.environment),
    Labels: labelsOf(project, service, options),
    ...(service.stop_signal && { StopSignal: service.stop_signal }),
    ...(stopTimeout !== undefined && { StopTimeout: stopTimeout }),
    ...(health && { Healthcheck: health }),
    HostConfig: {
      ...(binds.length > 0 && { Binds: binds }),
      ...(mounts.length > 0 && { Mounts: mounts }),
      NetworkMode: networking.mode,
      PortBindings: portBindings(service),
      ...hostConfig(service, references, project.workingDir),
      ...(oneoff?.autoRemove && { AutoRemove: true }),
    },
    NetworkingConfig: { EndpointsConfig: networking.endpoints },
  };
}

function labelsOf(project: Project, service: Service, options: ContainerOptions): Record<string, string> {
  const { oneoff, replaces } = options;
  const schedule = oneoff ? undefined : scheduleOf(service);
  return {
    ...ownLabels(service.labels),
    ...(schedule !== undefined && { [scheduleLabel]: schedule }),
    [labels.project]: project.name,
    [labels.service]: service.name,
    [labels.version]: composeVersion,
    [labels.workingDir]: project.workingDir,
    [labels.configFiles]: project.composeFiles.join(","),
    ...(options.envFiles?.length && { [labels.environmentFile]: options.envFiles.join(",") }),
    [labels.oneoff]: oneoff ? "True" : "False",
    ...(oneoff && { [labels.slug]: oneoff.slug }),
    [labels.number]: String(options.number),
    [labels.configHash]: options.configHash,
    [labels.image]: options.imageId,
    [labels.dependsOn]: dependsOnLabel(service),
    ...(replaces && { [labels.replace]: replaces }),
  };
}

/** `db:service_healthy:true,cache:service_started:false`: what a later tool, or the engine, needs to keep the order. */
export function dependsOnLabel({ depends_on = {} }: Service): string {
  return Object.entries(depends_on)
    .map(([name, { condition, restart = false }]) => `${name}:${condition}:${restart}`)
    .sort()
    .join(",");
}

function healthConfig({ healthcheck }: Service): HealthConfig | null {
  if (!healthcheck) return null;
  if (healthcheck.disable) return { Test: ["NONE"] };
  return {
    ...(healthcheck.test && { Test: [...healthcheck.test] }),
    Interval: healthcheck.interval ?? 0,
    Timeout: healthcheck.timeout ?? 0,
    StartPeriod: healthcheck.start_period ?? 0,
    StartInterval: healthcheck.start_interval ?? 0,
    Retries: healthcheck.retries ?? 0,
  };
}

function hostConfig(service: Service, references: References, directory: string): Partial<HostConfig> {
  const { logging, tmpfs = [], sysctls = {}, storage_opt, volumes_from = [] } = service;
  const tmpfsMap = Object.fromEntries(tmpfs.map((entry) => cut(entry, ":")));
  return {
    Annotations: { ...service.annotations },
    LogConfig: { Type: logging?.driver ?? "", Config: stringValues(logging?.options) },
    RestartPolicy: restartPolicy(service),
    ...(volumes_from.length > 0 && { VolumesFrom: volumes_from.map((entry) => references.volumesFrom(entry)) }),
    CapAdd: list(service.cap_add),
    CapDrop: list(service.cap_drop),
    CgroupnsMode: service.cgroup ?? "",
    Dns: list(service.dns),
    DnsOptions: list(service.dns_opt),
    DnsSearch: list(service.dns_search),
    ExtraHosts: list(extraHosts(service)),
    GroupAdd: list(service.group_add),
    IpcMode: references.namespace(service.ipc ?? ""),
    Links: references.links(service),
    OomScoreAdj: service.oom_score_adj ?? 0,
    PidMode: references.namespace(service.pid ?? ""),
    Privileged: service.privileged ?? false,
    ReadonlyRootfs: service.read_only ?? false,
    ...securityOptions(service.security_opt ?? [], directory),
    ...(storage_opt && { StorageOpt: { ...storage_opt } }),
    ...(tmpfs.length > 0 && { Tmpfs: tmpfsMap }),
    UTSMode: service.uts ?? "",
    UsernsMode: service.userns_mode ?? "",
    ShmSize: service.shm_size ?? 0,
    Sysctls: stringValues(sysctls),
    Runtime: service.runtime ?? "",
    Isolation: service.isolation ?? "",
    ...(service.init !== undefined && { Init: service.init }),
    ...resourcesOf(service),
  };
}

function extraHosts({ extra_hosts = {} }: Service): string[] {
  return Object.entries(extra_hosts).flatMap(([host, addresses]) => addresses.map((address) => `${host}:${address}`));
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function stringValues(values: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value ?? "")]));
}

/** What `deploy.restart_policy` says, or else `restart`. */
function restartPolicy({ restart = "", deploy }: Service): { Name: string; MaximumRetryCount: number } {
  const policy = deploy?.restart_policy;
  if (!policy) {
    const [name, count] = cut(restart, ":");
    return { Name: name, MaximumRetryCount: Number(count || 0) };
  }
  const names: Record<string, string> = { none: "no", "on-failure": "on-failure", any: "always" };
  const name = names[policy.condition ?? "any"] ?? policy.condition ?? "";
  return { Name: name, MaximumRetryCount: name === "on-failure" ? (policy.max_attempts ?? 0) : 0 };
}
