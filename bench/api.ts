/** The engines' API itself, for what no command can show: requests over the socket, without a client's own time. */
import type { Engine } from "./engines.ts";

/** How many requests of a preparation go at once. */
const lanes = 8;

/** The engines that answer on a socket; podman has none. */
export function withSocket(engines: readonly Engine[]): Engine[] {
  return engines.filter((engine) => engine.env.DOCKER_HOST !== undefined);
}

export function request(engine: Engine, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`http://engine${path}`, {
    method,
    unix: (engine.env.DOCKER_HOST ?? "").replace("unix://", ""),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
}

/** A request that must succeed; its answer as JSON, or as text where it is none. */
export async function answer<T>(engine: Engine, method: string, path: string, body?: unknown): Promise<T> {
  const response = await request(engine, method, path, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${engine.name} ${method} ${path} -> ${response.status} ${text}`);
  return (response.headers.get("content-type") === "application/json" ? JSON.parse(text) : text) as T;
}

/** Runs `action` for 0 to `count - 1`, a few at a time. */
export async function each(count: number, action: (n: number) => Promise<unknown>, atOnce = lanes): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** Creates `count` containers that would sleep, and starts them unless told not to; their ids. */
export async function makeContainers(
  engine: Engine,
  count: number,
  { started = true, network = "bridge", atOnce = lanes } = {},
): Promise<string[]> {
  const ids: string[] = [];
  const make = async () => {
    const { Id } = await answer<{ Id: string }>(engine, "POST", "/containers/create", {
      Image: "bench-busybox",
      Cmd: ["sleep", "3600"],
      HostConfig: { NetworkMode: network },
    });
    ids.push(Id);
    if (started) await answer(engine, "POST", `/containers/${Id}/start`);
  };
  await each(count, make, atOnce);
  return ids;
}

/** One that somebody else has removed is no loss: the reference engine may be shared. */
export async function removeContainers(engine: Engine, ids: readonly string[]): Promise<void> {
  await each(ids.length, async (n) => {
    const response = await request(engine, "DELETE", `/containers/${ids[n]}?force=1`);
    const text = await response.text();
    if (!response.ok && response.status !== 404) {
      throw new Error(`${engine.name} DELETE of ${ids[n]} -> ${response.status} ${text}`);
    }
  });
}
