/** A volume plugin for tests: the `/VolumeDriver.*` protocol on a unix socket, its data in directories, misbehaving on request. */
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a method answers instead of the truth. */
export type Misbehaviour = () => Response | Promise<Response>;

export interface PluginCall {
  readonly method: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export class VolumePlugin implements Disposable {
  readonly socket: string;
  readonly #data: string;
  readonly #server: Bun.Server<undefined>;
  readonly #volumes = new Map<string, Readonly<Record<string, string>>>();
  readonly calls: PluginCall[] = [];
  /** By method (`VolumeDriver.Mount`, `Plugin.Activate`). */
  readonly misbehaviour = new Map<string, Misbehaviour>();

  constructor(socket: string, data: string) {
    this.socket = socket;
    this.#data = data;
    mkdirSync(dirname(socket), { recursive: true });
    rmSync(socket, { force: true });
    this.#server = Bun.serve({ unix: socket, fetch: (request) => this.#answer(request) });
  }

  /** The bodies of the calls of one method, oldest first. */
  callsOf(method: string): Readonly<Record<string, unknown>>[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.body);
  }

  pathOf(name: string): string {
    return join(this.#data, name);
  }

  [Symbol.dispose](): void {
    this.#server.stop(true);
    rmSync(this.socket, { force: true });
  }

  async #answer(request: Request): Promise<Response> {
    const method = new URL(request.url).pathname.slice(1);
    const text = await request.text();
    const body = (text.trim() === "" || text.trim() === "null" ? {} : JSON.parse(text)) as Record<string, unknown>;
    this.calls.push({ method, body });
    const instead = this.misbehaviour.get(method);
    if (instead) return instead();
    return Response.json(this.#reply(method, String(body.Name ?? ""), body));
  }

  #reply(method: string, name: string, body: Record<string, unknown>): object {
    const known = this.#volumes.has(name);
    switch (method) {
      case "Plugin.Activate":
        return { Implements: ["VolumeDriver"] };
      case "VolumeDriver.Capabilities":
        return { Capabilities: { Scope: "global" } };
      case "VolumeDriver.Create": {
        const opts = (body.Opts ?? {}) as Record<string, string>;
        if (opts.fail) return { Err: `cannot create: ${opts.fail}` };
        mkdirSync(this.pathOf(name), { recursive: true });
        this.#volumes.set(name, opts);
        return { Err: "" };
      }
      case "VolumeDriver.List":
        return { Volumes: [...this.#volumes.keys()].map((Name) => ({ Name, Mountpoint: this.pathOf(Name) })), Err: "" };
    }
    if (!known) return { Err: `volume ${name} not known here` };
    switch (method) {
      case "VolumeDriver.Remove":
        this.#volumes.delete(name);
        rmSync(this.pathOf(name), { recursive: true, force: true });
        return { Err: "" };
      case "VolumeDriver.Get":
        return { Volume: { Name: name, Mountpoint: this.pathOf(name), Status: { health: "good" } }, Err: "" };
      default:
        return { Mountpoint: this.pathOf(name), Err: "" };
    }
  }
}
