import type {
  BlkioConfig,
  DeviceMapping,
  DeviceRequest,
  ThrottleDevice,
  Ulimit,
  WeightDevice,
} from "../model/devices.ts";
import { asMapping } from "../yaml/node.ts";
import { listOf, mapOf, pairs, record, texts } from "./collections.ts";
import { bytes, deviceCount, integer, text, textValue } from "./scalars.ts";
import type { Type } from "./type.ts";

export const device: Type<DeviceMapping> = record<DeviceMapping>(
  { source: text(), target: text(), permissions: text() },
  { required: ["source"], or: [{ types: ["string"] }] },
);

const requestFields = {
  capabilities: texts,
  driver: text(),
  count: deviceCount,
  device_ids: texts,
  options: pairs,
};

export const deviceRequest: Type<DeviceRequest> = record<DeviceRequest>(requestFields, { required: ["capabilities"] });
export const gpuRequest: Type<DeviceRequest> = record<DeviceRequest>(requestFields, { open: true });

const limit = integer({ types: ["integer", "string"], keepZero: true });

/** One number stands for both limits. */
const ulimit: Type<Ulimit> = {
  ...record<Ulimit>({ single: limit, soft: limit, hard: limit }),
  accept: [
    { types: ["integer", "string"], cast: "integer" },
    { types: ["object"], fields: { soft: limit.accept, hard: limit.accept }, required: ["soft", "hard"] },
  ],
  read(node, how) {
    if (node.kind === "scalar") {
      const single = Number(textValue(node));
      return single === 0 ? {} : { single };
    }
    const both = asMapping(node)?.entries;
    const read = (name: string): number | undefined => {
      const one = both?.get(name);
      return one === undefined ? undefined : limit.read(one, how);
    };
    const [soft, hard] = [read("soft"), read("hard")];
    return { ...(soft !== undefined && { soft }), ...(hard !== undefined && { hard }) };
  },
  show({ single, soft = 0, hard = 0 }, format) {
    if (single !== undefined) return single;
    const both = [["soft", soft] as const, ["hard", hard] as const];
    return new Map(both.filter(([, value]) => format === "yaml" || value !== 0));
  },
};

export const ulimits: Type<Readonly<Record<string, Ulimit>>> = mapOf(ulimit, { names: /^[a-z]+$/, open: true });

/** These two are printed whole, and in JSON with a capital. */
const blkioPath: Type<string> = { ...text(), jsonKey: "Path" };
const weight: Type<WeightDevice> = record<WeightDevice>(
  {
    path: blkioPath,
    weight: { ...integer({ types: ["integer", "string"], keepZero: true }), jsonKey: "Weight" },
  },
  { extensible: false },
);
const throttle: Type<ThrottleDevice> = record<ThrottleDevice>(
  { path: blkioPath, rate: { ...bytes(["integer", "string"]), jsonKey: "Rate" } },
  { extensible: false },
);

export const blkio: Type<BlkioConfig> = record<BlkioConfig>(
  {
    weight: integer({ types: ["integer", "string"] }),
    weight_device: listOf(weight),
    device_read_bps: listOf(throttle),
    device_read_iops: listOf(throttle),
    device_write_bps: listOf(throttle),
    device_write_iops: listOf(throttle),
  },
  { extensible: false },
);
