/** When a service starts, how it is watched, what runs around it. */
import type { Extensions, Named } from "./project.ts";

export interface DependsOn {
  readonly condition: "service_started" | "service_healthy" | "service_completed_successfully";
  /** True: this service restarts when that one does. */
  readonly restart?: boolean;
  readonly extensions?: Extensions;
  /** False: only a warning when that one is missing. */
  readonly required: boolean;
}

/** Absent fields: the image's own, else the engine's (30s, 30s, 3 retries). */
export interface HealthCheck {
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", TEXT]`. */
  readonly test?: readonly string[];
  readonly timeout?: number;
  readonly interval?: number;
  readonly retries?: number;
  readonly start_period?: number;
  readonly start_interval?: number;
  readonly disable?: boolean;
  readonly extensions?: Extensions;
}

/** A command that is run in the service's container. */
export interface Hook {
  readonly command: readonly string[] | null;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly working_dir?: string;
  readonly environment?: Named<string | null>;
  readonly extensions?: Extensions;
}

export interface Develop {
  readonly watch?: readonly WatchRule[];
  readonly extensions?: Extensions;
}

export type WatchAction = "rebuild" | "sync" | "restart" | "sync+restart" | "sync+exec";

export interface WatchRule {
  /** Absolute. */
  readonly path: string;
  readonly action: WatchAction;
  /** In the container; needed for the `sync` kinds. */
  readonly target?: string;
  /** For `sync+exec`. */
  readonly exec?: Hook;
  readonly include?: readonly string[];
  readonly ignore?: readonly string[];
  readonly initial_sync?: boolean;
  readonly extensions?: Extensions;
}
