/** An engine that has every image, an external network and volume called `real`, and remembers what it is asked to make. */
import { rmSync } from "node:fs";

export interface Made {
  /** `containers`, `networks` or `volumes`. */
  readonly kind: string;
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RecordingEngine extends Disposable {
  readonly made: readonly Made[];
}

const headers = { "content-type": "application/json", "api-version": "1.51", ostype: "linux" };
const json = (value: unknown, status = 200): Response => new Response(JSON.stringify(value), { status, headers });
const digest = `sha256:${"1".repeat(64)}`;

export function startRecordingEngine(socket: string): RecordingEngine {
  const made: Made[] = [];
  const ids = new Map<string, string>();
  const fixed: Readonly<Record<string, unknown>> = {
    "/version": { ApiVersion: "1.51", MinAPIVersion: "1.24", Version: "28.5.2", Os: "linux", Arch: "amd64" },
    "/info": { OSType: "linux", Architecture: "x86_64", SecurityOptions: [] },
    "/networks": [{ Id: "real", Name: "real", Labels: {}, Driver: "bridge" }],
    "/volumes": { Volumes: [{ Name: "real", Labels: {} }] },
  };
  const make = async (kind: string, request: Request, url: URL): Promise<Response> => {
    const body = (await request.json()) as Record<string, unknown>;
    const name = url.searchParams.get("name") ?? String(body.Name);
    made.push({ kind, name, body });
    const id = new Bun.CryptoHasher("sha256").update(name).digest("hex");
    ids.set(id, name);
    return json({ Id: id, Name: name, Warnings: [] }, 201);
  };
  const container = (key: string): object | null => {
    const name = ids.get(key) ?? key;
    const found = made.find((one) => one.kind === "containers" && one.name === name);
    if (!found) return null;
    const Id = [...ids].find(([, one]) => one === name)?.[0];
    const State = { Status: "created" };
    return {
      Id,
      Name: `/${name}`,
      Config: found.body,
      HostConfig: found.body.HostConfig,
      State,
      NetworkSettings: { Networks: {} },
      Mounts: [],
    };
  };
  const server = Bun.serve({
    unix: socket,
    async fetch(request) {
      const url = new URL(request.url);
      const path = url.pathname.replace(/^\/v1\.\d+/, "");
      if (path === "/_ping") return new Response("OK", { headers });
      if (Object.hasOwn(fixed, path)) return json(fixed[path]);
      const [, kind = "", name = "", verb = ""] = path.split("/");
      if (name === "create") return make(kind, request, url);
      if (kind === "images")
        return json({
          Id: digest,
          Config: {},
          Os: "linux",
          Architecture: "amd64",
          Metadata: { LastTagTime: "2026-01-01T00:00:00Z" },
        });
      if (path === "/containers/json") return json(list(made, ids, url));
      if (kind === "containers" && verb === "json")
        return json(container(name) ?? { message: "none" }, container(name) ? 200 : 404);
      if (verb === "archive") return new Response("", { status: 200 });
      return name === "real" ? json({ Id: "real", Name: "real" }) : json({ message: "not found" }, 404);
    },
  });
  return {
    made,
    [Symbol.dispose]() {
      void server.stop(true);
      rmSync(socket, { force: true });
    },
  };
}

/** The containers that have all labels which are asked for. */
function list(made: readonly Made[], ids: ReadonlyMap<string, string>, url: URL): object[] {
  const filters = JSON.parse(url.searchParams.get("filters") ?? "{}") as { label?: Record<string, boolean> | string[] };
  const wanted = Array.isArray(filters.label) ? filters.label : Object.keys(filters.label ?? {});
  return [...ids].flatMap(([Id, name]) => {
    const body = made.find((one) => one.kind === "containers" && one.name === name)?.body;
    const Labels = (body?.Labels ?? {}) as Record<string, string>;
    const has = (label: string): boolean => {
      const [key = "", value] = label.split(/=(.*)/s);
      return value === undefined ? Object.hasOwn(Labels, key) : Labels[key] === value;
    };
    if (!body || !wanted.every(has)) return [];
    return [
      {
        Id,
        Names: [`/${name}`],
        Labels,
        State: "created",
        ImageID: digest,
        NetworkSettings: { Networks: {} },
        Mounts: [],
      },
    ];
  });
}
