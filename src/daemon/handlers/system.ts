import type { EventMessage } from "../../api/events.ts";
import type { Filters } from "../../api/filters.ts";
import type {
  AuthConfig,
  AuthResponse,
  GcReport,
  SystemDataUsage,
  SystemInfo,
  SystemVersion,
} from "../../api/system.ts";
import type { CheckLine } from "../../api/system-check.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";
import { parseTimestamp } from "../timestamps.ts";
import { readRegistryConfig } from "./credentials.ts";
import { ignore } from "./ignore.ts";

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
  /** Applies the policy `gc` now, whether it is enabled or not. */
  gc(query: { dryRun: boolean }, op: Operation): Promise<GcReport>;
  /** Looks for damage; `auths` are credentials by the registry's domain. Refuses before the first line. */
  check(query: { repair: boolean; auths: ReadonlyMap<string, AuthConfig> }, op: Operation): AsyncIterable<CheckLine>;
  /** Answers `dhow daemon stop`: the process ends soon after. With `all`, containers are stopped first. */
  stop(query: { all: boolean }, op: Operation): Promise<void>;
}

/** Handlers of the routes about the engine. */
export function systemHandlers(system: SystemBackend) {
  const pong = (setHeader: (name: string, value: string) => void): string => {
    setHeader("Builder-Version", "2");
    setHeader("Cache-Control", "no-cache, no-store, must-revalidate");
    setHeader("Pragma", "no-cache");
    setHeader("Swarm", "inactive");
    return "OK";
  };
  return {
    ping: ({ setHeader }) => pong(setHeader),
    pingHead: ({ setHeader }) => pong(setHeader),
    info: async ({ op }) => system.info(op),
    version: async ({ op }) => system.version(op),
    auth: async ({ body, op }) => system.auth(body, op),
    events: async ({ query, op }) => {
      const since = parseTimestamp(query.since);
      const until = parseTimestamp(query.until);
      if (since !== undefined && until !== undefined && until < since) {
        throw invalidArgument(
          `\`since\` time (${since / 1_000_000_000n}) cannot be after \`until\` time (${until / 1_000_000_000n})`,
        );
      }
      return withOldNames(system.events({ since, until, filters: query.filters }, op));
    },
    dataUsage: async ({ query, op }) => system.dataUsage(dataUsageParts(query.type), op),
    gc: async ({ query, op }) => system.gc(query, op),
    systemCheck: ({ query, header, op }) =>
      system.check({ repair: query.repair, auths: readRegistryConfig(header("X-Registry-Config")) }, op),
    daemonStop: async ({ query, op }) => ignore(system.stop(query, op)),
  } satisfies Partial<Handlers>;
}

const allParts: readonly DataUsagePart[] = ["container", "image", "volume", "build-cache"];

function dataUsageParts(types: readonly string[]): ReadonlySet<DataUsagePart> {
  const parts = types.map((type) => {
    const part = allParts.find((known) => known === type);
    if (!part) throw invalidArgument(`unknown object type: ${type}`);
    return part;
  });
  return new Set(parts.length > 0 ? parts : allParts);
}

/** Repeats what clients before 1.22 read: status, id and from, for containers and images. */
async function* withOldNames(events: AsyncIterable<EventMessage>): AsyncGenerator<EventMessage> {
  for await (const event of events) {
    if (event.Type === "container") {
      const from = event.Actor.Attributes.image;
      yield { status: event.Action, id: event.Actor.ID, ...(from !== undefined && { from }), ...event };
    } else if (event.Type === "image") yield { status: event.Action, id: event.Actor.ID, ...event };
    else yield event;
  }
}
