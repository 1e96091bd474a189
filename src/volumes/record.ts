import type { Volume } from "../api/volumes.ts";
import type { RecordKind } from "../state/record-store.ts";

/** What the engine remembers of a volume; its data is the directory of its name. */
export interface VolumeRecord {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
  /** RFC 3339. */
  readonly createdAt: string;
}

export const volumeRecords: RecordKind<VolumeRecord> = {
  table: "volumes",
  version: 1,
  parse: (document) => {
    const record = document as VolumeRecord;
    if (typeof record !== "object" || record === null) throw new Error("not an object");
    for (const key of ["name", "driver", "createdAt"] as const) {
      if (typeof record[key] !== "string") throw new Error(`${key} is not a string`);
    }
    return record;
  },
};

/** Marks volumes that nobody named. */
export const anonymousLabel = "com.docker.volume.anonymous";

/** A record for data that has lost its own; 64 hex digits are a name that nobody chose. */
export const adopted = (name: string): VolumeRecord => ({
  name,
  driver: "local",
  labels: /^[0-9a-f]{64}$/.test(name) ? { [anonymousLabel]: "" } : null,
  options: null,
  createdAt: now(),
});

/** The present second, RFC 3339. */
export const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");

/** The driver whose volumes are directories of ours; every other one is a plugin's. */
export const localDriver = "local";

/** When a plugin's volume was made, if the plugin does not say: Go's zero time. */
export const unknownTime = "0001-01-01T00:00:00Z";

/** What a plugin tells of a volume besides its record. */
export interface RemoteFacts {
  readonly createdAt: string | null;
  readonly status: Record<string, unknown> | null;
  readonly scope: "local" | "global";
}

/** The volume as the API shows it, its data at `mountpoint`. */
export function wireVolume(record: VolumeRecord, mountpoint: string, remote?: RemoteFacts): Volume {
  return {
    CreatedAt: remote ? (remote.createdAt ?? unknownTime) : record.createdAt,
    Driver: record.driver,
    Labels: record.labels,
    Mountpoint: mountpoint,
    Name: record.name,
    Options: record.options,
    Scope: remote?.scope ?? "local",
    ...(remote?.status ? { Status: remote.status } : {}),
  };
}
