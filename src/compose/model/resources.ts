/** What services share: networks, volumes, secrets, configs, models. */
import type { Extensions } from "./project.ts";

export interface Network {
  /** The engine's name: `PROJECT_KEY`, or the file's own `name`. */
  readonly name: string;
  readonly driver?: string;
  readonly driver_opts?: Readonly<Record<string, string>>;
  readonly ipam?: Ipam;
  /** True: it must exist, and is never created or removed. */
  readonly external?: boolean;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly enable_ipv4?: boolean;
  readonly enable_ipv6?: boolean;
  readonly extensions?: Extensions;
}

export interface Ipam {
  readonly driver?: string;
  readonly config?: readonly IpamPool[];
  readonly extensions?: Extensions;
}

export interface IpamPool {
  readonly subnet?: string;
  readonly gateway?: string;
  readonly ip_range?: string;
  readonly aux_addresses?: Readonly<Record<string, string>>;
  readonly extensions?: Extensions;
}

export interface Volume {
  /** The engine's name: `PROJECT_KEY`, or the file's own `name`. */
  readonly name: string;
  readonly driver?: string;
  readonly driver_opts?: Readonly<Record<string, string>>;
  readonly external?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly extensions?: Extensions;
}

/** Exactly one of `file`, `environment`, `content` and `external` says where the bytes come from. */
export interface FileObject {
  readonly name?: string;
  /** Absolute path on the client's machine. */
  readonly file?: string;
  /** A variable of `Project.environment`; its value is also in `content`. */
  readonly environment?: string;
  readonly content?: string;
  readonly external?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly driver?: string;
  readonly driver_opts?: Readonly<Record<string, string>>;
  readonly template_driver?: string;
  readonly extensions?: Extensions;
}

export interface Secret extends FileObject {}
export interface Config extends FileObject {}

export interface Model {
  readonly name?: string;
  /** An OCI artifact. */
  readonly model?: string;
  /** Tokens. */
  readonly context_size?: number;
  readonly runtime_flags?: readonly string[];
  readonly extensions?: Extensions;
}
