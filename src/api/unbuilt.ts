/**
 * Routes that Docker has and dhow has not (yet), so that a client is told so by name instead of `page not found`. Off-swarm
 * answers are dockerd's own on a node outside any swarm, which is what every dhow node is today.
 */
import type { PathSpec } from "./route-spec.ts";

const notManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
const notMember = "This node is not part of a swarm";
const experimental =
  "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.";

/** Either a failure or an empty success, the same for every call. `{name}` in a message is the path's parameter. */
export interface UnbuiltRoute {
  readonly method: PathSpec["method"];
  readonly path: string;
  readonly kind: "notImplemented" | "unavailable" | "notFound" | "answer";
  readonly message: string;
}

type Row = readonly [methods: string, path: string];

const rows = (kind: UnbuiltRoute["kind"], message: string, list: readonly Row[]): UnbuiltRoute[] =>
  list.flatMap(([methods, path]) =>
    methods.split(" ").map((method) => ({ method: method as PathSpec["method"], path, kind, message })),
  );

const object = (noun: string): Row[] => [
  ["GET", `/${noun}`],
  ["POST", `/${noun}/create`],
  ["GET DELETE", `/${noun}/{name}`],
  ["POST", `/${noun}/{name}/update`],
];

export const unbuiltRoutes: readonly UnbuiltRoute[] = [
  ...rows("notImplemented", experimental, [
    ["GET POST", "/containers/{name}/checkpoints"],
    ["DELETE", "/containers/{name}/checkpoints/{checkpoint}"],
  ]),
  ...rows("notImplemented", "swarm mode is not supported by this engine yet", [
    ["POST", "/swarm/init"],
    ["POST", "/swarm/join"],
  ]),
  ...rows("unavailable", notMember, [["POST", "/swarm/leave"]]),
  ...rows("unavailable", notManager, [
    ["GET", "/swarm"],
    ["POST", "/swarm/update"],
    ["GET", "/swarm/unlockkey"],
    ["POST", "/swarm/unlock"],
    ["GET", "/nodes"],
    ["GET DELETE", "/nodes/{name}"],
    ["POST", "/nodes/{name}/update"],
    ...object("services"),
    ["GET", "/services/{name}/logs"],
    ["GET", "/tasks"],
    ["GET", "/tasks/{name}"],
    ["GET", "/tasks/{name}/logs"],
    ...object("secrets"),
    ...object("configs"),
  ]),
  ...rows("answer", "[]", [["GET", "/plugins"]]),
  ...rows("notImplemented", "managed plugins are not supported by this engine yet", [
    ["GET", "/plugins/privileges"],
    ["POST", "/plugins/pull"],
    ["POST", "/plugins/create"],
  ]),
  ...rows("notFound", 'plugin "{name}" not found', [
    ["GET", "/plugins/{name:*}/json"],
    ["POST", "/plugins/{name:*}/enable"],
    ["POST", "/plugins/{name:*}/disable"],
    ["POST", "/plugins/{name:*}/upgrade"],
    ["POST", "/plugins/{name:*}/push"],
    ["POST", "/plugins/{name:*}/set"],
    ["DELETE", "/plugins/{name:*}"],
  ]),
];
