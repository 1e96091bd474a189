/** Hardware and limits that a service asks for. */
import type { Extensions, Named } from "./project.ts";

export interface DeviceMapping {
  /** A device file, or the name of a CDI device. */
  readonly source: string;
  /** Default: the source. */
  readonly target?: string;
  /** Of `rwm`, which is the default. */
  readonly permissions?: string;
  readonly extensions?: Extensions;
}

export interface DeviceRequest {
  readonly capabilities?: readonly string[];
  readonly driver?: string;
  /** -1 is all; absent with `device_ids`. */
  readonly count?: number;
  readonly device_ids?: readonly string[];
  readonly options?: Named<string>;
}

/** One number for both limits, or each; -1 is unlimited. */
export interface Ulimit {
  readonly single?: number;
  readonly soft?: number;
  readonly hard?: number;
  readonly extensions?: Extensions;
}

export interface BlkioConfig {
  /** 10 to 1000. */
  readonly weight?: number;
  readonly weight_device?: readonly WeightDevice[];
  /** Bytes a second; the `iops` kinds: operations a second. */
  readonly device_read_bps?: readonly ThrottleDevice[];
  readonly device_read_iops?: readonly ThrottleDevice[];
  readonly device_write_bps?: readonly ThrottleDevice[];
  readonly device_write_iops?: readonly ThrottleDevice[];
  readonly extensions?: Extensions;
}

export interface WeightDevice {
  readonly path: string;
  readonly weight: number;
  readonly extensions?: Extensions;
}

export interface ThrottleDevice {
  readonly path: string;
  readonly rate: number;
  readonly extensions?: Extensions;
}
