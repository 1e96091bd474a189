import type { Filters } from "../../api/filters.ts";
import type { Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse } from "../../api/volumes.ts";
import { unavailable } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { compareVersions } from "../../lib/version-order.ts";
import { checkDangling } from "../../volumes/filters.ts";
import type { Handlers } from "../call.ts";
import { ignore } from "./ignore.ts";

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

/** Handlers of the volume routes. */
export function volumeHandlers(volumes: VolumesBackend) {
  return {
    volumeList: async ({ query, op }) => {
      checkDangling(query.filters);
      return volumes.list(query.filters, op);
    },
    volumeCreate: async ({ body, op }) => volumes.create(body, op),
    volumePrune: async ({ query, version, op }) => volumes.prune(pruneFilters(query.filters, version), op),
    volumeInspect: async ({ params, op }) => volumes.inspect(params.name, op),
    volumeUpdate: async () => {
      throw unavailable("cluster volumes need a swarm, which this node is not part of");
    },
    volumeRemove: async ({ params, query, op }) => ignore(volumes.remove(params.name, query, op)),
  } satisfies Partial<Handlers>;
}

/** Clients before 1.42 meant every unused volume, named ones too. */
function pruneFilters(filters: Filters, version: string): Filters {
  if (compareVersions(version, "1.42") >= 0) return filters;
  return new Map([...filters, ["all", ["true"]]]);
}
