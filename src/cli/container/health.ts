/** `--health-*`. */
import type { ContainerConfig } from "../../api/containers.ts";
import type { CreateFlags } from "./create-flags.ts";

/** The health check that the flags ask for; undefined leaves the image's. */
export function healthConfig(flags: CreateFlags, changed: ReadonlySet<string>): ContainerConfig["Healthcheck"] {
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
    ...(flags["health-on-failure"] && { OnFailure: flags["health-on-failure"] }),
  };
}
