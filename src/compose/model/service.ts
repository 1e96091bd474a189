/** One service, in the order in which `config` prints its fields. */
import type { Build } from "./build.ts";
import type { Deploy } from "./deploy.ts";
import type { BlkioConfig, DeviceMapping, DeviceRequest, Ulimit } from "./devices.ts";
import type { EnvFile, FileGrant, Mount, Port, ServiceModel, ServiceNetwork } from "./grants.ts";
import type { DependsOn, Develop, HealthCheck, Hook } from "./lifecycle.ts";
import type { Extensions, Named } from "./project.ts";

export interface Service {
  /** Its key in the file. */
  readonly name: string;
  /** Empty or absent: always on. */
  readonly profiles?: readonly string[];
  readonly annotations?: Named<string>;
  /** False keeps its lines out of `up`'s log; default true. */
  readonly attach?: boolean;
  readonly build?: Build;
  readonly develop?: Develop;
  readonly blkio_config?: BlkioConfig;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cgroup_parent?: string;
  readonly cgroup?: "host" | "private";
  readonly cpu_count?: number;
  readonly cpu_percent?: number;
  /** Microseconds, as `cpu_quota`, `cpu_rt_period` and `cpu_rt_runtime`. */
  readonly cpu_period?: number;
  readonly cpu_quota?: number;
  readonly cpu_rt_period?: number;
  readonly cpu_rt_runtime?: number;
  /** A number of CPUs, such as 0.5. */
  readonly cpus?: number;
  readonly cpuset?: string;
  readonly cpu_shares?: number;
  /** Null: the image's CMD holds; `[]`: none. A text form has been split as a shell would. */
  readonly command: readonly string[] | null;
  readonly configs?: readonly FileGrant[];
  readonly container_name?: string;
  readonly credential_spec?: CredentialSpec;
  /** With what links, volumes_from, `service:` modes imply. */
  readonly depends_on?: Named<DependsOn>;
  readonly deploy?: Deploy;
  readonly device_cgroup_rules?: readonly string[];
  readonly devices?: readonly DeviceMapping[];
  readonly dns?: readonly string[];
  readonly dns_opt?: readonly string[];
  readonly dns_search?: readonly string[];
  readonly domainname?: string;
  /** Null: the image's ENTRYPOINT holds; `[]`: none. */
  readonly entrypoint: readonly string[] | null;
  readonly provider?: Provider;
  /** Null: named without a value and unset in `Project.environment`; such a variable is not set in the container. */
  readonly environment?: Named<string | null>;
  /** Absent once the environment has been resolved, which is the default: see `LoadOptions.resolveEnvironment`. */
  readonly env_file?: readonly EnvFile[];
  readonly expose?: readonly string[];
  readonly extends?: { readonly file?: string; readonly service: string };
  readonly external_links?: readonly string[];
  /** Addresses by host name; `host-gateway` stands as it is. */
  readonly extra_hosts?: Named<readonly string[]>;
  readonly group_add?: readonly string[];
  readonly gpus?: readonly DeviceRequest[];
  readonly hostname?: string;
  readonly healthcheck?: HealthCheck;
  readonly image?: string;
  readonly init?: boolean;
  readonly ipc?: string;
  readonly isolation?: string;
  /** With those of `label_file`. */
  readonly labels?: Named<string>;
  readonly label_file?: readonly string[];
  readonly links?: readonly string[];
  readonly logging?: Logging;
  readonly mem_limit?: number;
  readonly mem_reservation?: number;
  /** Memory and swap together; -1 is unlimited. */
  readonly memswap_limit?: number;
  /** 0 to 100. */
  readonly mem_swappiness?: number;
  readonly mac_address?: string;
  readonly models?: Named<ServiceModel | null>;
  /** `none`, `host`, `bridge`, `service:NAME`, `container:NAME` or a network's name. */
  readonly network_mode?: string;
  /** Keys of `Project.networks`; null asks for nothing special. Absent when `network_mode` is set. */
  readonly networks?: Named<ServiceNetwork | null>;
  readonly oom_kill_disable?: boolean;
  readonly oom_score_adj?: number;
  readonly pid?: string;
  readonly pids_limit?: number;
  readonly platform?: string;
  readonly ports?: readonly Port[];
  readonly privileged?: boolean;
  /** `always`, `never`, `missing`, `if_not_present`, `build`, `daily`, `weekly`, `refresh` or `every_DURATION`. */
  readonly pull_policy?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly runtime?: string;
  /** How many containers; agrees with `deploy.replicas`. See `scaleOf`. */
  readonly scale?: number;
  readonly secrets?: readonly FileGrant[];
  readonly security_opt?: readonly string[];
  readonly shm_size?: number;
  readonly stdin_open?: boolean;
  readonly stop_grace_period?: number;
  readonly stop_signal?: string;
  readonly storage_opt?: Named<string>;
  readonly sysctls?: Named<string>;
  /** `PATH[:OPTIONS]`. */
  readonly tmpfs?: readonly string[];
  readonly tty?: boolean;
  readonly ulimits?: Named<Ulimit>;
  readonly use_api_socket?: boolean;
  readonly user?: string;
  readonly userns_mode?: string;
  readonly uts?: string;
  readonly volumes?: readonly Mount[];
  readonly volumes_from?: readonly string[];
  readonly working_dir?: string;
  readonly post_start?: readonly Hook[];
  readonly pre_stop?: readonly Hook[];
  readonly extensions?: Extensions;
}

export interface CredentialSpec {
  readonly config?: string;
  readonly file?: string;
  readonly registry?: string;
  readonly extensions?: Extensions;
}

export interface Logging {
  readonly driver?: string;
  readonly options?: Named<string>;
  readonly extensions?: Extensions;
}

/** A service that a program of the client's machine provides instead of a container. */
export interface Provider {
  readonly type?: string;
  /** Each option may be given several times. */
  readonly options?: Named<readonly string[]>;
  readonly extensions?: Extensions;
}

/** How many containers the service should have. */
export function scaleOf(service: Service): number {
  return service.scale ?? service.deploy?.replicas ?? 1;
}
