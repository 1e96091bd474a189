/** RUN: one process in a container of its own, on a step's root. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { ContainerConfig } from "../../api/containers.ts";
import { HostConfig } from "../../api/host-config.ts";
import { emptyEndpoint } from "../../api/networks.ts";
import { parseWire } from "../../api/wire.ts";
import { DhowError, messageOf } from "../../lib/errors.ts";
import { failPoint } from "../../lib/fail-point.ts";
import { stringifyJson } from "../../lib/json.ts";
import type { Operation } from "../../lib/operation.ts";
import { stdioFrames } from "../../lib/stdio-frames.ts";
import type { OciMount } from "../../runtime/spec/oci.ts";
import type { ExitStatus } from "../../supervisor/protocol.ts";
import type { RunLimits } from "../builder.ts";
import type { BuilderOptions } from "../collaborators.ts";
import type { RunWork } from "../dockerfile/plan/plan.ts";
import type { StepRoot } from "./step-root.ts";

/** Files of the engine's own that lie on every root, read-only. */
const nameFileOptions = ["ro", "nosuid", "nodev", "noexec"];
export const nameFiles: readonly string[] = ["/etc/hosts", "/etc/resolv.conf"];

/** Name that a RUN's container has for itself, as BuildKit's does. */
const ownHostname = "buildkitsandbox";

/** A command that ended with another code than 0. */
export class RunFailed extends DhowError {
  readonly exitCode: number;
  /** Id of the image that has what it left; null where nothing was kept. */
  readonly keptImage: string | null;

  constructor(message: string, exitCode: number, keptImage: string | null = null) {
    super("invalidArgument", message);
    this.exitCode = exitCode;
    this.keptImage = keptImage;
  }

  static of(command: string, exitCode: number): RunFailed {
    return new RunFailed(`The command '${command}' returned a non-zero code: ${exitCode}`, exitCode);
  }

  keptAs(image: string): RunFailed {
    return new RunFailed(this.message, this.exitCode, image);
  }
}

export interface RunOptions {
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  readonly limits: RunLimits;
  readonly mounts: readonly OciMount[];
  /** Added to the environment: proxies, and what secrets say. */
  readonly env: readonly string[];
  output(stream: "stdout" | "stderr", bytes: Uint8Array): void;
}

type Parts = Pick<BuilderOptions, "networks" | "runtime" | "bundles" | "log">;

/** The exits of the builder's processes, told by the runtime to everybody. */
export class RunExits {
  readonly #waiting = new Map<string, (status: ExitStatus) => void>();

  constructor(runtime: BuilderOptions["runtime"]) {
    runtime.onExit(({ containerId, execId }, status) => {
      if (execId === undefined) this.#waiting.get(containerId)?.(status);
    });
  }

  expect(id: string): { readonly exit: Promise<ExitStatus> } & Disposable {
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    this.#waiting.set(id, resolve);
    return { exit: promise, [Symbol.dispose]: () => void this.#waiting.delete(id) };
  }
}

/** Runs the command to its end; throws {@link RunFailed}. A cancelled operation ends it. */
export async function runProcess(
  parts: Parts,
  exits: RunExits,
  work: RunWork,
  root: StepRoot,
  options: RunOptions,
  op: Operation,
): Promise<void> {
  const { networks, runtime, log } = parts;
  const target = { containerId: root.key };
  const complain = (error: unknown): void => log(`build step ${root.key}: ${messageOf(error)}`);
  using expected = exits.expect(root.key);
  const stream = await runtime.attach(target, { stdin: false, stdout: true, stderr: true });
  try {
    const drained = pass(stream.output, options.output);
    // Of a start that fails nobody asks for the output.
    drained.catch(() => {});
    await start(parts, work, root, options, op);
    failPoint("builder.run.started");
    const { code } = await untilAborted(expected.exit, op.signal);
    await drained;
    if (code !== 0) throw RunFailed.of(work.args.join(" "), code);
  } finally {
    stream.close();
    await runtime.signal(target, 9).catch(() => {});
    await runtime.forget(target).catch(complain);
    await networks.detach(root.key).catch(complain);
  }
}

async function start(
  { networks, runtime, bundles }: Parts,
  work: RunWork,
  root: StepRoot,
  options: RunOptions,
  op: Operation,
): Promise<void> {
  const { limits } = options;
  const { hostname = ownHostname } = work;
  const devices = work.devices.length > 0 ? bundles.devices() : [];
  const networkMode = work.network === "default" ? options.networkMode : work.network;
  const sandbox = await networks.attach(
    {
      containerId: root.key,
      name: `build-${root.key.slice(0, 12)}`,
      hostname,
      domainname: "",
      networkMode,
      endpoints: { [networkMode]: emptyEndpoint() },
      portBindings: {},
      exposedPorts: [],
      publishAllPorts: false,
      extraHosts: options.extraHosts,
    },
    op,
  );
  const file = (name: string, text: string): string => {
    const path = join(root.directory, name);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  };
  const bundle = await bundles.make(
    {
      id: root.key,
      config: parseWire(ContainerConfig, {
        Hostname: hostname,
        // A name alone takes away what containers have; it is no variable of RUN.
        Env: ["HOSTNAME", ...work.env, ...options.env],
        Cmd: work.args,
        WorkingDir: work.directory,
        User: work.user,
      }),
      hostConfig: parseWire(HostConfig, {
        NetworkMode: networkMode,
        Privileged: work.security === "insecure",
        DeviceRequests: deviceRequests(work, devices),
        Memory: limits.memory,
        MemorySwap: limits.memorySwap,
        CpuShares: limits.cpuShares,
        CpuPeriod: limits.cpuPeriod,
        CpuQuota: limits.cpuQuota,
        CpusetCpus: limits.cpusetCpus,
        CpusetMems: limits.cpusetMems,
        ShmSize: limits.shmSize,
        CgroupParent: limits.cgroupParent,
        Ulimits: limits.ulimits,
      }),
      rootfs: root.path,
      mounts: options.mounts,
      files: {
        hosts: file("hosts", sandbox.hosts),
        resolvConf: file("resolv.conf", sandbox.resolvConf),
      },
      netnsPath: sandbox.netnsPath,
      joined: {},
      shmPath: null,
    },
    op,
  );
  const mounts = bundle.spec.mounts.map((mount) =>
    nameFiles.includes(mount.destination)
      ? { ...mount, options: [...(mount.options ?? []), ...nameFileOptions] }
      : mount,
  );
  writeFileSync(join(root.directory, "config.json"), stringifyJson({ ...bundle.spec, mounts }), { mode: 0o600 });
  await runtime.start(
    {
      id: root.key,
      runtime: bundle.runtime,
      bundle: root.directory,
      cgroupPath: bundle.spec.linux.cgroupsPath,
      io: { tty: false, stdin: false, stdinOnce: false, ...bundle.user },
      log: null,
    },
    op,
  );
}

/** Devices by CDI name; one that this host does not have is left out unless it is required. */
function deviceRequests({ devices }: RunWork, here: readonly string[]): unknown[] {
  const names = devices.filter(({ name, isRequired }) => isRequired || here.includes(name)).map(({ name }) => name);
  if (names.length === 0) return [];
  return [{ Driver: "cdi", Count: 0, DeviceIDs: names, Capabilities: [], Options: {} }];
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function pass(output: Readable, tell: RunOptions["output"]): Promise<void> {
  for await (const { stream, payload } of stdioFrames(output)) tell(stream, payload);
}
