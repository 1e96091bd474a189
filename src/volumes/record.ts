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
