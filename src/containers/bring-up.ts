import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyEndpoint } from "../api/networks.ts";
import { DhowError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { stringifyJson } from "../lib/json.ts";
import type { Operation } from "../lib/operation.ts";
import type { SandboxRequest } from "../networks/networks.ts";
import type { ProcessIdentity } from "../supervisor/protocol.ts";
import type { Bundle } from "./collaborators.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";
import { joinedNamespaces, networkOwner, resolvedNetworkMode, sharedMemoryOf } from "./joined.ts";
import { linkEnvironment, linkedHosts } from "./links.ts";
import { logInfo } from "./log-info.ts";
import type { ContainerRecord } from "./record.ts";
import { mountSecrets } from "./secrets.ts";

export interface Started {
  readonly process: ProcessIdentity;
  readonly bundle: Bundle;
}

/** Makes everything that a process stands on, and the process; on failure the caller gives back what is there. */
export async function bringUp(
  ctx: Context,
  container: Container,
  op: Operation,
  ready?: Promise<unknown>,
): Promise<Started> {
  const { record } = container;
  const { hostConfig } = record;
  const paths = pathsOf(ctx, record.id);
  const request = sandboxRequest(ctx, container);
  const joined = joinedNamespaces(ctx, hostConfig);
  const environment = [...linkEnvironment(ctx, container), ...(record.config.Env ?? [])];
  const log = await ctx.logs.start(hostConfig.LogConfig, logInfo(record), paths.dir);
  const root = op.timings.measure("mount", () => ctx.snapshots.mount(record.id, paths.rootfs));
  // Only the container's own files tell whom a user's name means.
  const user = () => root.then(() => ctx.bundles.userOf(paths.rootfs, record.config.User));
  const [mounted, network, volumes] = await Promise.allSettled([
    root,
    op.timings.measure("network", () => ctx.networks.attach(request, op)),
    op.timings.measure("volumes", () => ctx.volumes.mount(record.id, record.mounts, user, op)),
  ]);
  if (mounted.status === "rejected") throw mounted.reason;
  if (network.status === "rejected") throw networkError(network.reason);
  if (volumes.status === "rejected") throw volumes.reason;
  failPoint("containers.start.network");
  failPoint("containers.start.mounted");
  const sandbox = network.value;
  const owner = networkOwner(ctx, hostConfig.NetworkMode);
  const files = owner ? pathsOf(ctx, owner.id) : paths;
  op.timings.measureSync("files", () => {
    mkdirSync(paths.bundle, { recursive: true, mode: 0o700 });
    if (owner) return;
    writeFileSync(paths.hosts, sandbox.hosts, { mode: 0o644 });
    writeFileSync(paths.resolvConf, sandbox.resolvConf, { mode: 0o644 });
    writeFileSync(paths.hostname, `${record.config.Hostname}\n`, { mode: 0o644 });
  });
  const shmPath = sharedMemoryOf(ctx, container);
  using secrets = mountSecrets(ctx, record);
  const bundle = await op.timings.measure("spec", () =>
    ctx.bundles.make(
      {
        id: record.id,
        config: { ...record.config, ...(owner ? hostNames(owner.record.config) : {}), Env: environment },
        hostConfig,
        rootfs: paths.rootfs,
        mounts: [...volumes.value, ...secrets.mounts],
        files: { hosts: files.hosts, resolvConf: files.resolvConf, hostname: files.hostname },
        netnsPath: sandbox.netnsPath,
        joined,
        shmPath,
      },
      op,
    ),
  );
  writeFileSync(join(paths.bundle, "config.json"), stringifyJson(bundle.spec), { mode: 0o600 });
  failPoint("containers.start.bundled");
  await ready;
  const [rows, cols] = hostConfig.ConsoleSize;
  const process = await op.timings.measure("runtime", () =>
    ctx.runtime.start(
      {
        id: record.id,
        runtime: bundle.runtime,
        bundle: paths.bundle,
        cgroupPath: bundle.spec.linux.cgroupsPath,
        io: {
          tty: record.config.Tty,
          stdin: record.config.OpenStdin,
          stdinOnce: record.config.StdinOnce,
          uid: bundle.user.uid,
          gid: bundle.user.gid,
          ...(rows && cols ? { consoleSize: [rows, cols] } : {}),
        },
        log,
      },
      op,
    ),
  );
  failPoint("containers.start.process");
  return { process, bundle };
}

function networkError(reason: unknown): unknown {
  if (!(reason instanceof DhowError)) return reason;
  const prefix = "failed to set up container networking: ";
  if (reason.message.startsWith(prefix)) return reason;
  return new DhowError(reason.kind, `${prefix}${reason.message}`, { cause: reason });
}

function sandboxRequest(ctx: Context, container: Container): SandboxRequest {
  const { record } = container;
  const { config, hostConfig } = record;
  return {
    containerId: record.id,
    name: record.name,
    hostname: config.Hostname,
    domainname: config.Domainname,
    networkMode: config.NetworkDisabled ? "none" : resolvedNetworkMode(ctx, hostConfig.NetworkMode),
    endpoints: config.NetworkDisabled ? { none: emptyEndpoint() } : record.endpoints,
    portBindings: hostConfig.PortBindings,
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAllPorts: hostConfig.PublishAllPorts,
    macAddress: config.MacAddress,
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
    extraHosts: hostConfig.ExtraHosts ?? [],
    linkedHosts: linkedHosts(ctx, container),
    sysctls: hostConfig.Sysctls,
  };
}

function hostNames({ Hostname, Domainname }: ContainerRecord["config"]): { Hostname: string; Domainname: string } {
  return { Hostname, Domainname };
}
