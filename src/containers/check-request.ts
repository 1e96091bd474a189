import {
  type ContainerConfig,
  type ContainerCreateRequest,
  type HealthConfig,
  healthActions,
} from "../api/containers.ts";
import type { HostConfig, LogConfig, RestartPolicy } from "../api/host-config.ts";
import { type EndpointSettings, emptyEndpoint } from "../api/networks.ts";
import { invalidArgument, notFound } from "../lib/errors.ts";
import { parseSignal } from "../lib/signals.ts";
import { checkLogConfig } from "../logs/drivers.ts";
import type { ResolvedImage } from "./collaborators.ts";
import type { ContainersConfig } from "./context.ts";

const millisecond = 1_000_000;

/** Refuses what this room can judge by itself: signals, policies, logs and health checks. */
export function checkRequest(config: ContainerConfig, hostConfig: HostConfig): void {
  if (config.StopSignal) parseSignal(config.StopSignal);
  if (config.Healthcheck) checkHealth(config.Healthcheck);
  checkRestartPolicy(hostConfig.RestartPolicy);
  if (hostConfig.AutoRemove && restartName(hostConfig.RestartPolicy) !== "no") {
    throw invalidArgument("can't create 'AutoRemove' container with restart policy");
  }
  checkLogConfig(hostConfig.LogConfig);
}

/** The policy's name; an empty one is `no`. */
function restartName(policy: RestartPolicy): string {
  return policy.Name || "no";
}

export function checkRestartPolicy(policy: RestartPolicy): void {
  const name = restartName(policy);
  if (policy.MaximumRetryCount < 0) throw restartError("maximum retry count cannot be negative");
  if (!["no", "always", "unless-stopped", "on-failure"].includes(name)) {
    throw restartError(`unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
  if (name !== "on-failure" && policy.MaximumRetryCount > 0) {
    throw restartError("maximum retry count can only be used with 'on-failure'");
  }
}

function restartError(why: string): Error {
  return invalidArgument(`invalid restart policy: ${why}`);
}

function checkHealth(health: HealthConfig): void {
  const checks = ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const;
  for (const key of checks) {
    const value = health[key];
    if (value && Number(value) < millisecond) throw invalidArgument(`${key} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalidArgument("Retries in Healthcheck cannot be negative");
  if (health.OnFailure && !(healthActions as readonly string[]).includes(health.OnFailure)) {
    throw invalidArgument(
      `invalid OnFailure in Healthcheck: "${health.OnFailure}": one of ${healthActions.join(", ")}`,
    );
  }
}

/** The host's part of the request with the engine's defaults in it. */
export function completeHostConfig(wanted: HostConfig, config: ContainersConfig, runtime: string): HostConfig {
  return {
    ...wanted,
    LogConfig: completeLogConfig(wanted.LogConfig, config),
    NetworkMode: wanted.NetworkMode === "" || wanted.NetworkMode === "default" ? "bridge" : wanted.NetworkMode,
    RestartPolicy: { ...wanted.RestartPolicy, Name: restartName(wanted.RestartPolicy) },
    ShmSize: wanted.ShmSize || config.shmSize,
    IpcMode: wanted.IpcMode || "private",
    Runtime: runtime,
    SecurityOpt: completeSecurity(wanted),
    // What stands for "no limit" in a request is not shown back.
    MemorySwappiness: wanted.MemorySwappiness === -1 ? null : wanted.MemorySwappiness,
    MemorySwap: swapOf(wanted),
    PidsLimit: wanted.PidsLimit !== null && wanted.PidsLimit > 0 ? wanted.PidsLimit : null,
  };
}

/** The engine's options are for its own driver; what they say of the cache is for all. */
function completeLogConfig({ Type, Config }: LogConfig, { logDriver, logOptions }: ContainersConfig): LogConfig {
  const type = Type || logDriver;
  const inherited = Object.entries(logOptions).filter(([name]) => type === logDriver || name.startsWith("cache-"));
  return { Type: type, Config: type === "none" ? Config : { ...Object.fromEntries(inherited), ...Config } };
}

/** Memory and swap together are twice the memory, unless the request says otherwise. */
function swapOf({ Memory, MemorySwap }: HostConfig): HostConfig["MemorySwap"] {
  if (Number(MemorySwap) !== 0 || Number(Memory) <= 0) return MemorySwap;
  return typeof Memory === "bigint" ? Memory * 2n : Memory * 2;
}

/** A container that shares the host's processes is outside SELinux, unless it says otherwise. */
function completeSecurity({ SecurityOpt, IpcMode, PidMode, Privileged }: HostConfig): string[] | null {
  const own = SecurityOpt ?? [];
  if (own.some((option) => /^label([=:]|$)/.test(option))) return own;
  return Privileged || IpcMode === "host" || PidMode === "host" ? [...own, "label=disable"] : SecurityOpt;
}

/** What is asked of each network; the network of `NetworkMode` is always among them. */
export function endpointsOf(request: ContainerCreateRequest, networkMode: string): Record<string, EndpointSettings> {
  const given = request.NetworkingConfig.EndpointsConfig;
  if (networkMode.startsWith("container:")) return {};
  const endpoints: Record<string, EndpointSettings> = {};
  for (const [name, endpoint] of Object.entries(given)) endpoints[name === "default" ? "bridge" : name] = endpoint;
  if (!Object.hasOwn(endpoints, networkMode) && !Object.values(endpoints).some((e) => e.NetworkID === networkMode)) {
    return { [networkMode]: emptyEndpoint(), ...endpoints };
  }
  return endpoints;
}

/** Throws when the image is not of the platform that was asked for (`linux/arm64`). */
export function checkPlatform(wanted: string | undefined, reference: string, image: ResolvedImage): void {
  if (!wanted) return;
  const [os, architecture, variant] = wanted.toLowerCase().split("/");
  const own = [image.os, image.architecture, image.variant].filter(Boolean).join("/");
  const differs =
    os !== image.os ||
    (architecture !== undefined && normalArchitecture(architecture) !== image.architecture) ||
    (variant !== undefined && image.variant !== undefined && variant !== image.variant);
  if (differs) {
    throw notFound(
      `image with reference ${reference} was found but its platform (${own}) does not match the specified platform (${wanted})`,
    );
  }
}

function normalArchitecture(name: string): string {
  const others: Record<string, string> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64" };
  return Object.hasOwn(others, name) ? (others[name] ?? name) : name;
}
