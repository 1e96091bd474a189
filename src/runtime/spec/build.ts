import { posix } from "node:path";
import { containerCapabilities } from "../capabilities.ts";
import { defaultMaskedPaths, defaultPath, defaultReadonlyPaths } from "./defaults.ts";
import type { ResolvedUser, SpecInput } from "./input.ts";
import { wantsInit } from "./modes.ts";
import { bundleMounts } from "./mounts.ts";
import type { OciCapabilities, OciNamespace, OciProcess, OciSpec } from "./oci.ts";
import { resources } from "./resources.ts";
import { hasNoNewPrivileges } from "./security-opt.ts";

/** crun's own key for a compiled syscall filter in base64; nobody but the engine may set keys of this prefix. */
const seccompAnnotation = "run.oci.seccomp_bpf_data";

/** Annotations that steer a runtime rather than describe a container, refused from users and images. */
export const reservedAnnotationPrefix = "run.oci.";

/** The bundle's config.json for one container: pure, so that equal input gives an equal spec. */
export function buildSpec(input: SpecInput): OciSpec {
  const { config, hostConfig, host } = input;
  const privileged = hostConfig.Privileged === true;
  const sharesUts = hostConfig.UTSMode === "host";
  const bpf = input.runtime === "crun" ? (input.seccomp?.bpf ?? null) : null;
  return {
    ociVersion: "1.0.2",
    process: containerProcess(input),
    root: { path: input.rootfs, readonly: hostConfig.ReadonlyRootfs === true },
    ...(sharesUts || !config.Hostname ? {} : { hostname: config.Hostname }),
    mounts: bundleMounts(input),
    annotations: {
      ...withoutReserved(hostConfig.Annotations ?? {}),
      ...(bpf === null ? {} : { [seccompAnnotation]: bpf }),
    },
    linux: {
      namespaces: namespaces(input),
      devices: input.devices,
      cgroupsPath: cgroupsPath(input),
      resources: resources(input),
      rootfsPropagation: rootPropagation(input),
      sysctl: sysctls(input),
      ...(input.seccomp && bpf === null ? { seccomp: input.seccomp.profile } : {}),
      maskedPaths: hostConfig.MaskedPaths ?? (privileged ? [] : defaultMaskedPaths(host)),
      readonlyPaths: hostConfig.ReadonlyPaths ?? (privileged ? [] : defaultReadonlyPaths),
    },
  };
}

function containerProcess(input: SpecInput): OciProcess {
  const { config, hostConfig, user } = input;
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const size = hostConfig.ConsoleSize;
  return {
    terminal: config.Tty === true,
    ...(config.Tty && size?.[0] && size[1] ? { consoleSize: { height: size[0], width: size[1] } } : {}),
    user: ociUser(user),
    args: wantsInit(input) ? ["/sbin/docker-init", "--", ...args] : args,
    env: environment(input),
    cwd: config.WorkingDir || "/",
    capabilities: grantedCapabilities(input, user.uid, hostConfig.Privileged === true),
    rlimits: input.rlimits,
    noNewPrivileges: hasNoNewPrivileges(hostConfig.SecurityOpt ?? [], input.defaults.noNewPrivileges),
    ...(input.apparmorProfile === null ? {} : { apparmorProfile: input.apparmorProfile }),
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
  };
}

/** What `exec` asks for, resolved. */
export interface ExecInput {
  readonly args: readonly string[];
  /** Added to the container's environment, winning over it. */
  readonly env: readonly string[];
  /** Null is the container's own user. */
  readonly user: ResolvedUser | null;
  /** Empty is the container's own directory. */
  readonly cwd: string;
  readonly tty: boolean;
  readonly consoleSize: readonly [height: number, width: number] | null;
  readonly privileged: boolean;
}

/**
 * The process of an exec in the container that `input` makes. It gets the container's bounding set (all capabilities with
 * `privileged`), never an inheritable or ambient one; the runtime applies the container's own syscall filter.
 */
export function buildExecProcess(input: SpecInput, exec: ExecInput): OciProcess {
  const base = containerProcess(input);
  const user = exec.user ?? input.user;
  const env = mergeEnvironment(
    ownEnvironment(input).filter((variable) => exec.user === null || !variable.startsWith("HOME=")),
    exec.tty ? ["TERM=xterm", ...exec.env] : exec.env,
  );
  const { consoleSize: _ofContainer, ...rest } = base;
  return {
    ...rest,
    terminal: exec.tty,
    ...(exec.tty && exec.consoleSize?.[0] && exec.consoleSize[1]
      ? { consoleSize: { height: exec.consoleSize[0], width: exec.consoleSize[1] } }
      : {}),
    user: ociUser(user),
    args: exec.args,
    env: withHome(env, user.home),
    cwd: exec.cwd || base.cwd,
    capabilities: grantedCapabilities(input, user.uid, exec.privileged || input.hostConfig.Privileged === true),
  };
}

const ociUser = ({ uid, gid, additionalGids }: ResolvedUser): OciProcess["user"] => ({ uid, gid, additionalGids });

function grantedCapabilities(input: SpecInput, uid: number, privileged: boolean): OciCapabilities {
  const { CapAdd, CapDrop } = input.hostConfig;
  return capabilitySets(
    containerCapabilities(CapAdd ?? [], CapDrop ?? [], { privileged, available: input.host.capabilities }),
    uid,
  );
}

/** A non-root process holds nothing but the bounding set, which is what execve would leave it (capabilities(7)). */
function capabilitySets(bounding: readonly string[], uid: number): OciCapabilities {
  const held = uid === 0 ? bounding : [];
  return { bounding, effective: held, permitted: held, inheritable: [], ambient: [] };
}

/** PATH, HOSTNAME and TERM come first and give way to the container's own; HOME is added when nobody sets it. */
const environment = (input: SpecInput): string[] => withHome(ownEnvironment(input), input.user.home);

function ownEnvironment({ config }: SpecInput): string[] {
  const base = [`PATH=${defaultPath}`, `HOSTNAME=${config.Hostname ?? ""}`, ...(config.Tty ? ["TERM=xterm"] : [])];
  return mergeEnvironment(base, config.Env ?? []);
}

const withHome = (env: string[], home: string): string[] =>
  env.some((variable) => variable.startsWith("HOME=")) ? env : [...env, `HOME=${home}`];

/** `over` replaces variables of the same name in place; a name without `=` removes it. */
export function mergeEnvironment(base: readonly string[], over: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const variable of [...base, ...over]) {
    const end = variable.indexOf("=");
    if (end === -1) merged.delete(variable);
    else merged.set(variable.slice(0, end), variable);
  }
  return [...merged.values()];
}

function namespaces(input: SpecInput): OciNamespace[] {
  const { PidMode, IpcMode, UTSMode, CgroupnsMode } = input.hostConfig;
  const list: OciNamespace[] = [{ type: "mount" }];
  const own = (type: OciNamespace["type"], mode: string | null | undefined, path?: string): void => {
    if (mode === "host") return;
    list.push(mode?.startsWith("container:") && path !== undefined ? { type, path } : { type });
  };
  if (input.netnsPath !== null) list.push({ type: "network", path: input.netnsPath });
  own("uts", UTSMode);
  own("pid", PidMode, input.joined.pid);
  own("ipc", IpcMode, input.joined.ipc);
  own("cgroup", cgroupnsMode(input, CgroupnsMode));
  return list;
}

/** cgroup namespaces are private on v2 by default, but for privileged containers on v1, where tools expect the host's. */
export function cgroupnsMode({ defaults }: Pick<SpecInput, "defaults">, mode: string | null | undefined): string {
  return mode || defaults.cgroupnsMode;
}

/** `<parent>/<id>`; a parent that is not absolute is taken from the root, and `..` cannot climb above it. */
export function cgroupsPath({ id, hostConfig, defaults }: Pick<SpecInput, "id" | "hostConfig" | "defaults">): string {
  return posix.join("/", hostConfig.CgroupParent || defaults.cgroupParent, id);
}

/** Propagation of the root must let through what a mount of the container asks for. */
function rootPropagation({ mounts }: SpecInput): string | undefined {
  const options = new Set(mounts.flatMap((mount) => mount.options ?? []));
  if (options.has("shared") || options.has("rshared")) return "shared";
  return options.has("slave") || options.has("rslave") ? "rslave" : undefined;
}

/** The user's sysctls. Those that Docker gives every network namespace are there already: netd makes it with them. */
function sysctls({ config, hostConfig }: SpecInput): Record<string, string> {
  const domain: Record<string, string> =
    config.Domainname && hostConfig.UTSMode !== "host" ? { "kernel.domainname": config.Domainname } : {};
  return { ...domain, ...hostConfig.Sysctls };
}

function withoutReserved(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !key.startsWith(reservedAnnotationPrefix)));
}
