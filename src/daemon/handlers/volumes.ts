import type { Filters } from "../../api/filters.ts";
import type { Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse } from "../../api/volumes.ts";
import type { Operation } from "../../lib/operation.ts";

/** What the volume routes need. */
export interface VolumesBackend {
  list(filters: Filters, op: Operation): Promise<VolumeListResponse>;
  /** Returns the existing volume of that name when driver and options agree. */
  create(request: VolumeCreateRequest, op: Operation): Promise<Volume>;
  inspect(name: string, op: Operation): Promise<Volume>;
  remove(name: string, query: { force: boolean }, op: Operation): Promise<void>;
  /** Anonymous volumes only, unless the filter `all` is true. */
  prune(filters: Filters, op: Operation): Promise<VolumePruneResponse>;
}
