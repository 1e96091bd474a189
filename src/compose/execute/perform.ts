/** The calls of the API behind each kind of operation. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerCreateResponse } from "../../api/containers.ts";
import type { NetworkCreateResponse } from "../../api/networks.ts";
import { paths } from "../../api/paths.ts";
import { ApiError, type Client } from "../../client/client.ts";
import { type RouteCall, to } from "../../client/route-call.ts";
import { messageOf } from "../../lib/errors.ts";
import { createBody, imageOf } from "../create/container-body.ts";
import { References, type Target } from "../create/references.ts";
import { networkBody, volumeBody } from "../create/resource-bodies.ts";
import type { ConfigHashes } from "../hashes.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import { inspectImage, type Observed } from "../observe.ts";
import type { Action, Operation } from "../plan/operation.ts";
import type { Progress } from "../progress.ts";
import { awaitService } from "./await-service.ts";
import { type HookOutput, runHooks } from "./hooks.ts";
import { writeFiles } from "./write-files.ts";

export interface PerformContext {
  readonly client: Client;
  readonly project: Project;
  readonly hashes: ConfigHashes;
  /** Image ids by name. */
  readonly images: ReadonlyMap<string, string>;
  readonly observed: Observed;
  readonly progress: Progress;
  readonly envFiles?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called when a container has been started, before its hooks run. */
  readonly onStart?: (id: string, service: string) => void;
  /** Where the output of a container's hooks goes; absent or undefined for nowhere. */
  readonly hookOutput?: (service: string, container: string) => HookOutput | undefined;
}

export class Performer {
  readonly #context: PerformContext;
  /** Every container by name, new ones too; a replacement is under its temporary name until it has its own. */
  readonly #ids = new Map<string, string>();
  readonly #targets = new Map<string, Target[]>();

  constructor(context: PerformContext) {
    this.#context = context;
    for (const { name, id, number, service, oneoff } of context.observed.containers) {
      this.#ids.set(name, id);
      if (!oneoff) this.#setTarget(service, { id, name, number });
    }
  }

  idOf(name: string): string {
    return this.#ids.get(name) ?? name;
  }

  #setTarget(service: string, target: Target): void {
    const others = (this.#targets.get(service) ?? []).filter(({ number }) => number !== target.number);
    this.#targets.set(
      service,
      [...others, target].sort((a, b) => a.number - b.number),
    );
  }

  /** What stands by for a container that still serves, and fails, is taken away again. */
  async perform(operation: Operation): Promise<void> {
    const { action } = operation;
    try {
      await this.#do(action);
    } catch (error) {
      if ("standby" in action && action.standby)
        await this.#withdraw(action.kind === "startContainer" ? [action.name] : action.names);
      throw error;
    }
  }

  async #withdraw(names: readonly string[]): Promise<void> {
    const { client, progress } = this.#context;
    for (const name of names) {
      const route = to(paths.containerRemove, { id: this.idOf(name) }, { force: true });
      await gone(client, route).catch((error: unknown) => progress.warn(messageOf(error)));
    }
  }

  async #do(action: Action): Promise<void> {
    const { client } = this.#context;
    switch (action.kind) {
      case "createNetwork":
        return this.#createNetwork(action.key);
      case "removeNetwork":
        return this.#removeNetwork(action.network);
      case "disconnect":
        return gone(client, to(paths.networkDisconnect, { id: action.network }), {
          json: { Container: action.container.id, Force: true },
        });
      case "createVolume": {
        const volume = this.#context.project.volumes[action.key]!;
        await client.json(to(paths.volumeCreate), {
          json: volumeBody(this.#context.project, action.key, this.#context.hashes.volume(volume)),
        });
        return;
      }
      case "removeVolume":
        return this.#removeVolume(action);
      case "removeImage":
        return this.#removeImage(action.image);
      case "createContainer":
        return this.#createContainer(action);
      case "renameContainer":
        return this.#renameContainer(action);
      case "startContainer":
        return this.#startContainer(action);
      case "stopContainer":
        return this.#stopContainer(action);
      case "restartContainer":
        return this.#restartContainer(action);
      case "killContainer":
        return gone(client, to(paths.containerKill, { id: action.container.id }, { signal: action.signal }));
      case "pauseContainer":
        return client.json(to(paths.containerPause, { id: action.container.id }));
      case "unpauseContainer":
        return client.json(to(paths.containerUnpause, { id: action.container.id }));
      case "removeContainer":
        return gone(client, to(paths.containerRemove, { id: action.container.id }, { force: true, v: action.volumes }));
      case "awaitService":
        return awaitService({ ...this.#context, idOf: (name) => this.idOf(name) }, action);
      case "delay":
        return sleep(action.nanoseconds / 1e6, undefined, { signal: this.#context.signal });
      case "keep":
        return;
    }
  }

  async #createNetwork(key: string): Promise<void> {
    const { client, project, hashes } = this.#context;
    const network = project.networks[key]!;
    const json = networkBody(project, key, hashes.network(network));
    await client.json<NetworkCreateResponse>(to(paths.networkCreate), { json });
  }

  async #removeNetwork(network: string): Promise<void> {
    const { client, progress } = this.#context;
    try {
      await gone(client, to(paths.networkRemove, { id: network }));
    } catch (error) {
      // Someone else's container is in it: it stays.
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 409)) throw error;
      progress.tell(`Network ${network}`, "Resource is still in use", "warning");
    }
  }

  async #removeVolume({ volume, required }: Extract<Action, { kind: "removeVolume" }>): Promise<void> {
    const { client, progress } = this.#context;
    try {
      await gone(client, to(paths.volumeRemove, { name: volume }, { force: true }));
    } catch (error) {
      if (required || !(error instanceof ApiError) || error.status !== 409) throw error;
      progress.tell(`Volume ${volume}`, "Resource is still in use", "warning");
    }
  }

  async #removeImage(image: string): Promise<void> {
    const { client, progress } = this.#context;
    try {
      await client.json(to(paths.imageRemove, { name: image }));
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404)) throw error;
      const status = error.status === 404 ? "Warning: No resource found to remove" : "Resource is still in use";
      progress.tell(`Image ${image}`, status, "warning");
    }
  }

  async #createContainer(action: Extract<Action, { kind: "createContainer" }>): Promise<void> {
    const { client, project, progress } = this.#context;
    const service = this.#service(action.service);
    const references = new References(this.#targets, project.name);
    const { replaces } = action;
    const body = createBody(project, service, references, {
      name: replaces ? action.name.replace(/^[0-9a-f]{12}_/, "") : action.name,
      number: action.number,
      configHash: this.#context.hashes.service(references.resolved(service)),
      imageId: await this.#imageId(imageOf(project, service)),
      carried: replaces && !action.renewVolumes ? replaces.mounts : [],
      ...(this.#context.envFiles && { envFiles: this.#context.envFiles }),
      ...(replaces && { replaces: `${service.name}-${action.number}` }),
    });
    const route = to(paths.containerCreate, {}, { name: action.name, platform: service.platform ?? "" });
    const { Id, Warnings } = await client.json<ContainerCreateResponse>(route, { json: body });
    for (const warning of Warnings ?? []) progress.warn(warning);
    this.#ids.set(action.name, Id);
    this.#setTarget(service.name, { id: Id, name: action.name, number: action.number });
  }

  async #imageId(name: string): Promise<string> {
    const known = this.#context.images.get(name);
    return known ?? (await inspectImage(this.#context.client, name))?.Id ?? "";
  }

  async #renameContainer(action: Extract<Action, { kind: "renameContainer" }>): Promise<void> {
    const id = this.idOf(action.temporary);
    await this.#context.client.json(to(paths.containerRename, { id }, { name: action.name }));
    this.#ids.set(action.name, id);
    const target = this.#targets.get(action.service)?.find((each) => each.id === id);
    if (target) this.#setTarget(action.service, { ...target, name: action.name });
  }

  async #startContainer({
    service: name,
    name: container,
  }: Extract<Action, { kind: "startContainer" }>): Promise<void> {
    const { client, project, onStart } = this.#context;
    const service = this.#service(name);
    const id = this.idOf(container);
    await writeFiles(client, project, service, id);
    await client.json(to(paths.containerStart, { id }));
    const ownName = container.replace(/^[0-9a-f]{12}_/, "");
    onStart?.(id, name);
    await this.#runHooks("post_start", name, id, ownName);
  }

  async #runHooks(kind: "post_start" | "pre_stop", service: string, id: string, container: string): Promise<void> {
    const { client, project, hookOutput } = this.#context;
    const hooks = project.services[service]?.[kind] ?? [];
    if (hooks.length === 0) return;
    await runHooks(client, id, hooks, `${service} ${kind.replace("_", "-")}`, hookOutput?.(service, container));
  }

  async #stopContainer({ container, timeout }: Extract<Action, { kind: "stopContainer" }>): Promise<void> {
    const { id, name, service, state } = container;
    if (state === "running") await this.#runHooks("pre_stop", service, id, name);
    await gone(this.#context.client, to(paths.containerStop, { id }, { t: timeout }));
  }

  async #restartContainer({ container, timeout }: Extract<Action, { kind: "restartContainer" }>): Promise<void> {
    const { id, name, service, state } = container;
    if (state === "running") await this.#runHooks("pre_stop", service, id, name);
    await this.#context.client.json(to(paths.containerRestart, { id }, { t: timeout }));
    await this.#runHooks("post_start", service, id, name);
  }

  #service(name: string): Service {
    const service = this.#context.project.services[name];
    if (!service) throw new Error(`no such service: ${name}`);
    return service;
  }
}

/** A call after which something is gone or stopped: that it is so already is no failure. */
async function gone(client: Client, route: RouteCall, options: { json?: unknown } = {}): Promise<void> {
  try {
    await client.json(route, options);
  } catch (error) {
    const already =
      error instanceof ApiError &&
      (error.status === 404 || /removal of container .* is already in progress/.test(error.message));
    if (!already) throw error;
  }
}
