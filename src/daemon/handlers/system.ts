import type { EventMessage } from "../../api/events.ts";
import type { Filters } from "../../api/filters.ts";
import type { AuthConfig, AuthResponse, SystemDataUsage, SystemInfo, SystemVersion } from "../../api/system.ts";
import type { Operation } from "../../lib/operation.ts";

export interface EventsQuery {
  /** Unix nanoseconds; undefined means from now on, without replay. */
  readonly since: bigint | undefined;
  /** The stream ends there; undefined means never. */
  readonly until: bigint | undefined;
  readonly filters: Filters;
}

/** `system df` parts. */
export type DataUsagePart = "container" | "image" | "volume" | "build-cache";

/** What the routes about the engine itself need. */
export interface SystemBackend {
  info(op: Operation): Promise<SystemInfo>;
  version(op: Operation): Promise<SystemVersion>;
  /** Checks credentials against their registry. */
  auth(config: AuthConfig, op: Operation): Promise<AuthResponse>;
  dataUsage(parts: ReadonlySet<DataUsagePart>, op: Operation): Promise<SystemDataUsage>;
  /** Subscribed when it returns; ends at `until` or when the operation is cancelled. */
  events(query: EventsQuery, op: Operation): AsyncIterable<EventMessage>;
  /** Answers `dhow daemon stop`: the process ends soon after. With `all`, containers are stopped first. */
  stop(query: { all: boolean }, op: Operation): Promise<void>;
}
