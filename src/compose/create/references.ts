/** What a service's configuration says of other services, in terms of their containers. */
import type { Service } from "../model/service.ts";

/** A container that others may point at. */
export interface Target {
  readonly id: string;
  readonly name: string;
  readonly number: number;
}

/** The containers of the services that are there, by service. */
export class References {
  readonly #targets: ReadonlyMap<string, readonly Target[]>;
  readonly #project: string;

  /** `project` is its name, which links are made with. */
  constructor(targets: ReadonlyMap<string, readonly Target[]>, project = "") {
    this.#targets = targets;
    this.#project = project;
  }

  /** `service:NAME` as `container:ID`, anything else as it is. */
  namespace(mode: string): string {
    const name = serviceIn(mode);
    return name === null ? mode : `container:${this.#first(name).id}`;
  }

  /** `SERVICE[:ro]` and `container:NAME[:ro]` as the API has them. */
  volumesFrom(entry: string): string {
    const [kind = "", ...rest] = entry.split(":");
    if (kind === "container") return rest.join(":");
    return [this.#first(kind).id, ...rest].join(":");
  }

  /** Old links, `CONTAINER:ALIAS`. */
  links({ links = [], external_links = [] }: Service): string[] {
    const found = links.flatMap((link) => {
      const [name = "", alias = name] = link.split(":");
      return (this.#targets.get(name) ?? []).flatMap((target) => [
        `${target.name}:${alias}`,
        `${target.name}:${name}-${target.number}`,
        `${target.name}:${this.#project}-${name}-${target.number}`,
      ]);
    });
    return [...found, ...external_links.map((link) => (link.includes(":") ? link : `${link}:${link}`))];
  }

  /** The service with its references resolved, as Compose takes its hash. */
  resolved(service: Service): Service {
    const { network_mode, ipc, pid, volumes_from } = service;
    return {
      ...service,
      ...(network_mode && { network_mode: this.namespace(network_mode) }),
      ...(ipc && { ipc: this.namespace(ipc) }),
      ...(pid && { pid: this.namespace(pid) }),
      ...(volumes_from && { volumes_from: volumes_from.map((entry) => this.#hashedVolumes(entry)) }),
    };
  }

  #hashedVolumes(entry: string): string {
    const [kind = ""] = entry.split(":");
    return kind === "container" ? entry.slice("container:".length) : this.#first(kind).id;
  }

  #first(service: string): Target {
    const [target] = this.#targets.get(service) ?? [];
    if (!target) throw new Error(`no container found for service ${JSON.stringify(service)}`);
    return target;
  }
}

/** The service that a namespace mode names. */
export const serviceIn = (mode: string | undefined): string | null => /^service:(.+)$/.exec(mode ?? "")?.[1] ?? null;

/** The services whose containers must be there, and be the same, for this one to be created. */
export function referencedServices({ network_mode, ipc, pid, volumes_from = [] }: Service): string[] {
  const namespaces = [network_mode, ipc, pid].map(serviceIn).filter((name) => name !== null);
  const volumes = volumes_from.map((entry) => entry.split(":")[0] ?? "").filter((kind) => kind !== "container");
  return [...new Set([...namespaces, ...volumes])];
}
