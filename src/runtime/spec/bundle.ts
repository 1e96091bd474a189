import { readFileSync } from "node:fs";
import type { ContainerConfig, ContainerCreateRequest } from "../../api/containers.ts";
import type { HostConfig } from "../../api/host-config.ts";
import { invalidArgument, messageOf } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { containerCapabilities } from "../capabilities.ts";
import { applyCdiEdits } from "../cdi/apply.ts";
import type { CdiRegistry } from "../cdi/registry.ts";
import { cdiNames } from "../cdi/requests.ts";
import { RuntimeStartError } from "../errors.ts";
import type { HostFacts } from "../host-facts.ts";
import type { OciRuntime, OciRuntimes } from "../oci-runtime.ts";
import { FilterCache } from "../seccomp/compile.ts";
import { customSeccomp, defaultSeccomp } from "../seccomp/profile.ts";
import { buildExecProcess, buildSpec } from "./build.ts";
import { blockDevice, containerDevices } from "./devices.ts";
import type { SeccompFilter, SpecDefaults, SpecInput } from "./input.ts";
import type { OciMount, OciProcess, OciSeccomp, OciSpec } from "./oci.ts";
import { effectiveRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-opt.ts";
import { resolveUser } from "./user.ts";
import { type Verdict, validateHostConfig } from "./validate.ts";
import { ensureWorkingDir, resolveWorkingDir } from "./working-dir.ts";

export interface BundlesOptions {
  readonly host: HostFacts;
  readonly runtimes: OciRuntimes;
  readonly defaults: SpecDefaults;
  readonly cdi: CdiRegistry;
  /** Directory of compiled filters. */
  readonly seccompDirectory: string;
  /** Path of the profile for containers that name none, or `unconfined`; undefined is the built-in policy. */
  readonly seccompProfile: string | undefined;
}

/** What one start knows when its bundle is made. */
export interface BundleRequest {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** The mounted root file system, not yet in use. */
  readonly rootfs: string;
  readonly mounts: readonly OciMount[];
  readonly files: { readonly hosts?: string; readonly resolvConf?: string; readonly hostname?: string };
  readonly netnsPath: string | null;
  readonly joined: { readonly pid?: string; readonly ipc?: string };
  readonly shmPath: string | null;
}

export interface ExecBundleRequest {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** The container's root as mounted on the host. */
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Empty is the container's own user. */
  readonly user: string;
  readonly workingDir: string;
  readonly tty: boolean;
  readonly privileged: boolean;
  readonly consoleSize?: readonly [rows: number, cols: number];
}

export interface RuntimeBinary {
  readonly path: string;
  readonly kind: "crun" | "runc";
  readonly root: string;
}

export interface Bundle {
  readonly spec: OciSpec;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly runtime: RuntimeBinary;
  readonly apparmorProfile: string | null;
}

/** Looks up what {@link buildSpec} needs (users, devices, filters, limits) and makes bundles of it. */
export class Bundles {
  readonly #options: BundlesOptions;
  readonly #filters: FilterCache;
  /** Filters by what they were made from, so that a start neither builds nor hashes the rules again. */
  readonly #byOrigin = new Map<string, SeccompFilter>();

  constructor(options: BundlesOptions) {
    this.#options = options;
    this.#filters = new FilterCache(options.seccompDirectory);
  }

  /** Refuses in Docker's words what can never start. */
  validate(request: ContainerCreateRequest): Verdict {
    const { host, defaults, runtimes } = this.#options;
    const hostConfig = request.HostConfig;
    const verdict = validateHostConfig(request, hostConfig, host, defaults);
    runtimes.get(hostConfig.Runtime);
    this.#seccomp(
      hostConfig,
      containerCapabilities(hostConfig.CapAdd ?? [], hostConfig.CapDrop ?? [], this.#caps(hostConfig)),
    );
    return verdict;
  }

  /** The name of the runtime that `wanted` (or nothing) means; `invalidArgument` when there is none. */
  runtimeName(wanted: string | undefined): string {
    return this.#options.runtimes.get(wanted).name;
  }

  async make(request: BundleRequest, op: Operation): Promise<Bundle> {
    return op.timings.measureSync("bundle", () => {
      const runtime = this.#options.runtimes.get(request.hostConfig.Runtime);
      const input = this.#input(request, runtime);
      if (request.config.WorkingDir) ensureWorkingDir(request.rootfs, request.config.WorkingDir);
      const { uid, gid } = input.user;
      return {
        spec: this.#withCdi(buildSpec(input), request.hostConfig),
        user: { uid, gid },
        runtime: binary(runtime),
        apparmorProfile: input.apparmorProfile,
      };
    });
  }

  async makeExec(
    request: ExecBundleRequest,
    op: Operation,
  ): Promise<{ readonly process: OciProcess; readonly runtime: RuntimeBinary }> {
    return op.timings.measureSync("process", () => {
      const runtime = this.#options.runtimes.get(request.hostConfig.Runtime);
      const nothing = { mounts: [], files: {}, netnsPath: null, joined: {}, shmPath: null };
      const input = this.#input({ ...request, ...nothing }, runtime);
      if (request.workingDir && !request.workingDir.startsWith("/")) {
        throw new RuntimeStartError("OCI runtime exec failed: exec failed: Cwd must be an absolute path", 128);
      }
      if (request.workingDir) resolveWorkingDir(request.rootfs, request.workingDir);
      const process = buildExecProcess(input, {
        args: request.args,
        env: request.env,
        user: request.user ? resolveUser(request.rootfs, request.user, request.hostConfig.GroupAdd ?? []) : null,
        cwd: request.workingDir,
        tty: request.tty,
        consoleSize: request.consoleSize ?? null,
        privileged: request.privileged,
      });
      return { process, runtime: binary(runtime) };
    });
  }

  /** CDI names of the devices that can be asked for. */
  devices(): readonly string[] {
    return this.#options.cdi.names();
  }

  userOf(rootfs: string, user: string): { readonly uid: number; readonly gid: number } {
    return resolveUser(rootfs, user, []);
  }

  #withCdi(spec: OciSpec, { DeviceRequests }: HostConfig): OciSpec {
    if (!DeviceRequests?.length) return spec;
    const { cdi } = this.#options;
    return applyCdiEdits(spec, cdi.resolve(cdiNames(DeviceRequests, () => cdi.names())));
  }

  #caps(hostConfig: HostConfig): { privileged: boolean; available: readonly string[] } {
    return { privileged: hostConfig.Privileged, available: this.#options.host.capabilities };
  }

  #input(request: BundleRequest, runtime: OciRuntime): SpecInput {
    const { host, defaults } = this.#options;
    const { config, hostConfig, rootfs } = request;
    const { devices, rules } = containerDevices(hostConfig);
    const capabilities = containerCapabilities(
      hostConfig.CapAdd ?? [],
      hostConfig.CapDrop ?? [],
      this.#caps(hostConfig),
    );
    return {
      ...request,
      user: resolveUser(rootfs, config.User, hostConfig.GroupAdd ?? []),
      devices,
      deviceRules: rules,
      blockDevices: Object.fromEntries(
        blockPaths(hostConfig, host.blkioWeight).map((path) => [path, blockDevice(path)]),
      ),
      seccomp: this.#seccomp(hostConfig, capabilities),
      apparmorProfile: apparmorProfile(hostConfig, host),
      rlimits: effectiveRlimits(hostConfig.Ulimits, defaults.ulimits, host).rlimits,
      runtime: runtime.kind,
      host,
      defaults,
    };
  }

  #seccomp(hostConfig: HostConfig, capabilities: readonly string[]): SeccompFilter | null {
    const { host, seccompProfile } = this.#options;
    const asked = parseSecurityOptions(hostConfig.SecurityOpt ?? []).seccomp;
    if (asked === "unconfined" || (hostConfig.Privileged && asked === null)) return null;
    const source = asked === null || asked === "" ? (seccompProfile ?? "builtin") : asked;
    if (source === "unconfined" || !host.seccomp) return null;
    const origin = `${capabilities.join()} ${source}`;
    const known = this.#byOrigin.get(origin);
    if (known) return known;
    const facts = { arch: host.arch, kernel: host.kernel, capabilities };
    const profile =
      source === "builtin" ? defaultSeccomp(facts) : customSeccomp(asked ? source : profileFile(source), facts);
    const filter = { profile, bpf: this.#compiled(profile) };
    if (this.#byOrigin.size >= 64) this.#byOrigin.clear();
    this.#byOrigin.set(origin, filter);
    return filter;
  }

  #compiled(profile: OciSeccomp): string | null {
    try {
      return this.#filters.get(profile);
    } catch (error) {
      throw invalidArgument(`seccomp profile cannot be compiled: ${messageOf(error)}`, { cause: error });
    }
  }
}

const binary = ({ path, kind, root }: OciRuntime): RuntimeBinary => ({ path, kind, root });

function profileFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalidArgument(`opening seccomp profile (${path}) failed: ${messageOf(error)}`, { cause: error });
  }
}

/** Devices whose weight is discarded need not be there. */
const blockPaths = (hostConfig: HostConfig, weights: boolean): string[] =>
  [
    ...(weights ? hostConfig.BlkioWeightDevice : []),
    ...hostConfig.BlkioDeviceReadBps,
    ...hostConfig.BlkioDeviceWriteBps,
    ...hostConfig.BlkioDeviceReadIOps,
    ...hostConfig.BlkioDeviceWriteIOps,
  ].map((device) => device.Path);

/** The named profile; a host with AppArmor and no wish gets none until the engine ships one, which `info` says. */
function apparmorProfile(hostConfig: HostConfig, host: HostFacts): string | null {
  const asked = parseSecurityOptions(hostConfig.SecurityOpt ?? []).apparmor;
  if (asked === null || asked === "" || asked === "unconfined") return null;
  if (!host.apparmor) throw invalidArgument(`AppArmor is not enabled on this host: cannot apply profile "${asked}"`);
  return asked;
}
