/** What the engine knows of its networks: records, and in memory what every start asks for. Nothing here waits. */
import { invalidArgument, notFound } from "../lib/errors.ts";
import type { Database, Tx } from "../state/database.ts";
import { Intents } from "../state/intents.ts";
import { RecordStore } from "../state/record-store.ts";
import { addressesOf, topLevel } from "./endpoints.ts";
import { Addresses } from "./ipam.ts";
import { families } from "./netd/ip.ts";
import type { SandboxState } from "./netd/protocol.ts";
import {
  type EndpointRecord,
  endpointKind,
  type NetworkRecord,
  networkKind,
  type SandboxRecord,
  sandboxKind,
  segmentOf,
} from "./record.ts";
import { shownPorts } from "./started-settings.ts";

/** An endpoint with its id. */
export type Member = [id: string, endpoint: EndpointRecord];

export class NetworkBook {
  readonly db: Database;
  readonly networks: RecordStore<NetworkRecord>;
  readonly sandboxes: RecordStore<SandboxRecord>;
  readonly intents: Intents;
  readonly addresses = new Addresses();
  readonly #endpoints: RecordStore<EndpointRecord>;
  /**
   * Endpoints by container: those of the records and, while an attach is under way, those it has promised. Reading
   * them all from the database for each start would cost more the more containers run.
   */
  readonly #members = new Map<string, Map<string, EndpointRecord>>();

  constructor(db: Database) {
    this.db = db;
    this.networks = new RecordStore(db, networkKind);
    this.sandboxes = new RecordStore(db, sandboxKind);
    this.intents = new Intents(db);
    this.#endpoints = new RecordStore(db, endpointKind);
  }

  /** Drops what belongs to no running container and reads the rest; once, before anything else. */
  load(running: ReadonlySet<string>, log: (message: string) => void): void {
    this.db.transaction("normal", (tx) => {
      // Nobody could use or remove it, and it would keep its name, device and subnet from others for ever.
      for (const { id, reason, newer } of this.networks.list().broken) {
        log(`network ${id}: its record is unreadable${newer ? "" : " and was dropped"}: ${reason}`);
        if (!newer) this.networks.delete(tx, id);
      }
      for (const { id, reason } of [...this.#endpoints.list().broken, ...this.sandboxes.list().broken]) {
        log(`dropped unreadable network state of ${id}: ${reason}`);
        this.#endpoints.delete(tx, id);
        this.sandboxes.delete(tx, id);
      }
      for (const id of this.sandboxes.list().records.keys()) if (!running.has(id)) this.sandboxes.delete(tx, id);
      for (const [id, endpoint] of this.#endpoints.list().records) {
        if (!this.sandboxes.get(endpoint.containerId)) {
          this.#endpoints.delete(tx, id);
          continue;
        }
        this.holdAddresses(endpoint);
        this.promise(id, endpoint);
      }
      for (const intent of this.intents.pending("networks.")) this.intents.finish(tx, intent.id);
    });
  }

  /** By name, full id, then unique id prefix. */
  find(nameOrId: string): [string, NetworkRecord] {
    const byName = this.networks.findUnique("name", nameOrId) ?? nameOrId;
    const exact = this.networks.get(byName);
    if (exact) return [byName, exact];
    const hits = [...this.networks.list().records].filter(([id]) => nameOrId !== "" && id.startsWith(nameOrId));
    const [hit] = hits;
    if (hits.length > 1)
      throw invalidArgument(`network ${nameOrId} is ambiguous (${hits.length} matches found based on ID prefix)`);
    if (!hit) throw notFound(`network ${nameOrId} not found`);
    return hit;
  }

  /** Endpoints of one container. */
  membersOf(containerId: string): Member[] {
    return [...(this.#members.get(containerId) ?? [])];
  }

  /** Every endpoint of every container. */
  members(): Member[] {
    return [...this.#members.values()].flatMap((members) => [...members]);
  }

  /** Keeps an endpoint's addresses from others. */
  holdAddresses({ networkId, settings }: EndpointRecord): void {
    for (const address of addressesOf(settings)) this.addresses.hold(networkId, address);
  }

  /** Counts an endpoint in before it is recorded, so that its network cannot be removed meanwhile. */
  promise(id: string, endpoint: EndpointRecord): void {
    const members = this.#members.get(endpoint.containerId) ?? new Map<string, EndpointRecord>();
    this.#members.set(endpoint.containerId, members.set(id, endpoint));
  }

  putMember(tx: Tx, id: string, endpoint: EndpointRecord): void {
    this.#endpoints.put(tx, id, endpoint);
    this.promise(id, endpoint);
  }

  deleteMember(tx: Tx, [id, endpoint]: Member): void {
    this.#endpoints.delete(tx, id);
    this.withdraw([id, endpoint]);
  }

  /** Forgets an endpoint that was only promised, and gives its addresses back. */
  withdraw([id, { containerId, networkId, settings }]: Member): void {
    const members = this.#members.get(containerId);
    if (members?.delete(id)) for (const address of addressesOf(settings)) this.addresses.give(networkId, address);
    if (members?.size === 0) this.#members.delete(containerId);
  }

  /** Forgets the endpoints of a container on networks that it has lost in the kernel, which has it as `present` says. */
  disconnected(present: SandboxState): void {
    const { containerId, interfaces } = present;
    const lost = this.membersOf(containerId).filter(([, { networkId }]) => {
      const network = this.networks.get(networkId);
      const segment = network ? segmentOf(network) : null;
      return segment !== null && !interfaces.some((one) => one.segment === segment);
    });
    const sandbox = this.sandboxes.get(containerId);
    if (lost.length === 0 || !sandbox) return;
    const names = new Set(lost.map(([, { networkName }]) => networkName));
    const Networks = Object.fromEntries(Object.entries(sandbox.settings.Networks).filter(([name]) => !names.has(name)));
    const leads = interfaces.some((one) => families.some((family) => one[family]?.gateway != null));
    const Ports = shownPorts(present, leads, Object.keys(sandbox.settings.Ports));
    this.db.transaction("normal", (tx) => {
      for (const member of lost) this.deleteMember(tx, member);
      const settings = { ...sandbox.settings, ...topLevel(Networks), Networks, Ports };
      this.sandboxes.put(tx, containerId, { ...sandbox, state: present, settings });
    });
  }

  /** Forgets everything about one container's network: at once in memory, whatever the disk says. */
  forget(containerId: string): void {
    const members = this.membersOf(containerId);
    for (const member of members) this.withdraw(member);
    this.db.settle((tx) => {
      for (const [id] of members) this.#endpoints.delete(tx, id);
      this.sandboxes.delete(tx, containerId);
    });
  }
}
