import type { DeviceRequest } from "./devices.ts";
import type { Extensions, Named } from "./project.ts";

export interface Deploy {
  /** `replicated` (default), `global`, `replicated-job`, `global-job`. */
  readonly mode?: string;
  readonly replicas?: number;
  readonly labels?: Named<string>;
  readonly update_config?: UpdateConfig;
  readonly rollback_config?: UpdateConfig;
  readonly resources?: Resources;
  /** Wins over `Service.restart`. */
  readonly restart_policy?: RestartPolicy;
  readonly placement?: Placement;
  readonly endpoint_mode?: string;
  readonly extensions?: Extensions;
}

export interface UpdateConfig {
  readonly parallelism?: number;
  readonly delay?: number;
  readonly failure_action?: string;
  readonly monitor?: number;
  /** 0 to 1. */
  readonly max_failure_ratio?: number;
  readonly order?: "start-first" | "stop-first";
  readonly extensions?: Extensions;
}

export interface Resources {
  readonly limits?: Resource;
  readonly reservations?: Resource;
  readonly extensions?: Extensions;
}

export interface Resource {
  /** A number of CPUs. */
  readonly cpus?: number;
  readonly memory?: number;
  readonly pids?: number;
  readonly devices?: readonly DeviceRequest[];
  readonly generic_resources?: readonly GenericResource[];
  readonly extensions?: Extensions;
}

export interface GenericResource {
  readonly discrete_resource_spec?: { readonly kind: string; readonly value: number; readonly extensions?: Extensions };
  readonly extensions?: Extensions;
}

export interface RestartPolicy {
  /** `none`, `on-failure` or `any`. */
  readonly condition?: string;
  readonly delay?: number;
  readonly max_attempts?: number;
  readonly window?: number;
  readonly extensions?: Extensions;
}

export interface Placement {
  readonly constraints?: readonly string[];
  readonly preferences?: readonly { readonly spread?: string; readonly extensions?: Extensions }[];
  readonly max_replicas_per_node?: number;
  readonly extensions?: Extensions;
}
