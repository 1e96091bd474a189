/** What a service is given: files, mounts, ports, networks, models. */
import type { Extensions, Named } from "./project.ts";

/** A secret or config in a container. */
export interface FileGrant {
  /** A key of `Project.secrets` or `Project.configs`. */
  readonly source: string;
  /** Where it appears; default `/run/secrets/SOURCE` for a secret (a relative target too), `/SOURCE` for a config. */
  readonly target?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** Permission bits, such as 0o440; default 0o444. */
  readonly mode?: number;
  readonly extensions?: Extensions;
}

export type MountType = "bind" | "volume" | "tmpfs" | "npipe" | "cluster" | "image";

export interface Mount {
  readonly type: MountType;
  /** bind: an absolute path; volume: a key of `Project.volumes`, absent for an anonymous one; image: a reference. */
  readonly source?: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly consistency?: string;
  readonly bind?: {
    readonly selinux?: string;
    readonly propagation?: string;
    /** Make a missing source a directory. The short form says so; the long one only when the file does, as in Compose 2.40. */
    readonly create_host_path?: boolean;
    readonly recursive?: string;
    readonly extensions?: Extensions;
  };
  readonly volume?: {
    readonly labels?: Named<string>;
    readonly nocopy?: boolean;
    readonly subpath?: string;
    readonly extensions?: Extensions;
  };
  readonly tmpfs?: { readonly size?: number; readonly mode?: number; readonly extensions?: Extensions };
  readonly image?: { readonly subpath?: string; readonly extensions?: Extensions };
  readonly extensions?: Extensions;
}

export interface Port {
  readonly name?: string;
  /** `ingress` (default) or `host`. */
  readonly mode?: string;
  readonly host_ip?: string;
  readonly target: number;
  /** One port or a range `8000-8010`; absent: the engine picks one. */
  readonly published?: string;
  readonly protocol?: string;
  readonly app_protocol?: string;
  readonly extensions?: Extensions;
}

export interface ServiceNetwork {
  readonly aliases?: readonly string[];
  readonly driver_opts?: Named<string>;
  /** The network with the highest gives the default route. */
  readonly gw_priority?: number;
  readonly interface_name?: string;
  readonly ipv4_address?: string;
  readonly ipv6_address?: string;
  readonly link_local_ips?: readonly string[];
  readonly mac_address?: string;
  /** The network with the highest is joined first. */
  readonly priority?: number;
  readonly extensions?: Extensions;
}

export interface ServiceModel {
  readonly endpoint_var?: string;
  readonly model_var?: string;
  readonly extensions?: Extensions;
}

export interface EnvFile {
  readonly path: string;
  /** False: it may be missing. */
  readonly required: boolean;
  /** `raw`: values stand as they are; absent: the usual .env rules. */
  readonly format?: string;
}
