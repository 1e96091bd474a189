import {
  type ContainerConfig,
  type ContainerCreateRequest,
  type HealthConfig,
  healthActions,
} from "../api/containers.ts";
import type { HostConfig, LogConfig, RestartPolicy } from "../api/host-config.ts";
import { type EndpointSettings, emptyEndpoint } from "../api/networks.ts";
import { invalidArgument, messageOf, notFound, systemError } from "../lib/errors.ts";
import { parseSignal } from "../lib/signals.ts";
import { parseBytes } from "../lib/units.ts";
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

const logOptions: Readonly<Record<string, readonly string[]>> = {
  "json-file": [
    "max-size",
    "max-file",
    "compress",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
    "mode",
    "max-buffer-size",
  ],
  local: ["max-size", "max-file", "compress", "mode", "max-buffer-size"],
  none: [],
};

/** Known to Docker and without effect here as yet: refused rather than ignored. */
const unbuiltLogOptions = new Set(["labels", "labels-regex", "env", "env-regex", "tag"]);

function checkLogMode({ mode = "", "max-buffer-size": buffer, compress = "" }: Readonly<Record<string, string>>): void {
  if (mode !== "" && mode !== "blocking" && mode !== "non-blocking") {
    throw invalidArgument(`logger: logging mode not supported: ${mode}`);
  }
  if (mode === "non-blocking") throw invalidArgument("log mode non-blocking is not supported by this engine yet");
  if (buffer !== undefined) {
    throw invalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  if (/^(1|t|true)$/i.test(compress)) throw invalidArgument("log opt 'compress' is not supported by this engine yet");
}

export function checkLogConfig(log: LogConfig): void {
  const known = Object.hasOwn(logOptions, log.Type) ? logOptions[log.Type] : undefined;
  if (!known) throw invalidArgument(`error looking up logging plugin ${log.Type}: plugin "${log.Type}" not found`);
  for (const name of Object.keys(log.Config)) {
    if (log.Type !== "none" && !known.includes(name)) {
      const driver = log.Type === "local" ? "log driver local" : `${log.Type} log driver`;
      throw invalidArgument(`unknown log opt '${name}' for ${driver}`);
    }
    if (log.Type !== "none" && unbuiltLogOptions.has(name)) {
      throw invalidArgument(`log opt '${name}' is not supported by this engine yet`);
    }
  }
  checkLogMode(log.Config);
}

/** The log as the supervisor is told of it; null keeps none. Throws `invalidArgument` for sizes that are none. */
export function logLimits(log: LogConfig): { maxSize: number; maxFile: number } | null {
  if (log.Type === "none") return null;
  const local = log.Type === "local";
  const size = log.Config["max-size"] ?? (local ? "20m" : "-1");
  const files = log.Config["max-file"] ?? (local ? "5" : "1");
  const maxFile = Number(files);
  const fail = (why: string) =>
    systemError(`failed to create task for container: failed to initialize logging driver: ${why}`);
  if (!Number.isInteger(maxFile)) throw fail(`strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`);
  if (maxFile < 1) throw fail("max-file cannot be less than 1");
  try {
    return { maxSize: size === "-1" ? 0 : parseBytes(size), maxFile };
  } catch (error) {
    throw fail(`${local ? `invalid value for max-size: ${size}: ` : ""}${messageOf(error)}`);
  }
}

/** The host's part of the request with the engine's defaults in it. */
export function completeHostConfig(wanted: HostConfig, config: ContainersConfig, runtime: string): HostConfig {
  const type = wanted.LogConfig.Type || config.logDriver;
  const inherited = type === config.logDriver ? config.logOptions : {};
  return {
    ...wanted,
    LogConfig: { Type: type, Config: { ...inherited, ...wanted.LogConfig.Config } },
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
