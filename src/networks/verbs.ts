/** The verbs of `docker network` that need no container. */
import { randomBytes } from "node:crypto";
import type { Network, NetworkCreateRequest } from "../api/networks.ts";
import { conflict, forbidden } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { parseUntil } from "../lib/until.ts";
import { UniqueConflict } from "../state/record-store.ts";
import { translate } from "./attach-errors.ts";
import type { Member, NetworkBook } from "./book.ts";
import { isPredefined, recordOf } from "./create-request.ts";
import { usedOnHost } from "./defaults.ts";
import type { Pool } from "./ipam.ts";
import type { KernelNetworks } from "./kernel.ts";
import { matchesFilters, networkView } from "./listing.ts";
import type { NetworkEvent, NetworkFilters, NetworksConfig } from "./networks.ts";

export class NetworkVerbs {
  constructor(
    private readonly from: { readonly config: NetworksConfig; readonly pools: readonly Pool[] },
    private readonly book: NetworkBook,
    private readonly kernel: KernelNetworks,
    private readonly emit: (event: NetworkEvent) => void,
  ) {}

  list(filters: NetworkFilters): Network[] {
    const members = this.book.members();
    return [...this.book.networks.list().records]
      .filter(([id, network]) => matchesFilters(id, network, filters, members))
      .map(([id, network]) => networkView(id, network, []));
  }

  inspect(nameOrId: string): Network {
    const [id, network] = this.book.find(nameOrId);
    return networkView(id, network, this.#membersIn(id));
  }

  async create(request: NetworkCreateRequest, op: Operation): Promise<{ Id: string; Warning: string }> {
    const { book } = this;
    const id = randomBytes(32).toString("hex");
    const record = recordOf(request, {
      id,
      existing: book.networks.list().records,
      pools: this.from.pools,
      mtu: this.from.config.mtu,
      defaults: this.from.config.networkOptions,
      used: usedOnHost([]),
    });
    const intent = book.db.transaction("full", (tx) => {
      try {
        book.networks.insert(tx, id, record);
      } catch (error) {
        if (!(error instanceof UniqueConflict)) throw error;
        if (error.column === "name") throw conflict(`network with name ${request.Name} already exists`);
        if (error.column === "device") throw forbidden(`device ${error.value} is used by another network`);
        throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
      }
      return book.intents.begin(tx, { operation: "networks.create", subject: id, effects: ["segment"] });
    });
    failPoint("networks.create.recorded");
    try {
      await op.timings.measure("networks.create", () => this.kernel.ensureSegment(id, record));
    } catch (error) {
      book.db.transaction("full", (tx) => {
        book.networks.delete(tx, id);
        book.intents.finish(tx, intent);
      });
      throw translate(error);
    }
    failPoint("networks.create.made");
    book.db.transaction("normal", (tx) => book.intents.finish(tx, intent));
    this.emit({ action: "create", networkId: id, attributes: { name: record.name, type: record.driver } });
    return { Id: id, Warning: "" };
  }

  async remove(nameOrId: string): Promise<void> {
    const { book } = this;
    const [id, network] = book.find(nameOrId);
    if (isPredefined(network.name)) {
      throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
    }
    const members = this.#membersIn(id);
    if (members.length > 0) {
      const names = members.map(
        ([endpointId, { containerName }]) => `name:"${containerName}" id:"${endpointId.slice(0, 12)}"`,
      );
      throw forbidden(
        `error while removing network: network ${network.name} has active endpoints (${names.join(", ")})`,
      );
    }
    if (
      network.configuration &&
      [...book.networks.list().records.values()].some((one) => one.configFrom === network.name)
    ) {
      throw forbidden(`error while removing network: configuration network "${network.name}" is in use`);
    }
    book.db.transaction("full", (tx) => book.networks.delete(tx, id));
    failPoint("networks.remove.recorded");
    book.addresses.forget(id);
    await this.kernel.removeSegment(id, network);
    this.emit({ action: "destroy", networkId: id, attributes: { name: network.name, type: network.driver } });
  }

  async prune(filters: NetworkFilters): Promise<{ NetworksDeleted: string[] }> {
    const { until: moments, ...others } = filters;
    const until = parseUntil(moments);
    const deleted: string[] = [];
    const members = this.book.members();
    for (const [id, network] of this.book.networks.list().records) {
      if (isPredefined(network.name) || network.configuration || this.#membersIn(id).length > 0) continue;
      if (until !== undefined && BigInt(Date.parse(network.created)) * 1_000_000n >= until) continue;
      if (!matchesFilters(id, network, others, members)) continue;
      await this.remove(id);
      deleted.push(network.name);
    }
    this.emit({ action: "prune", networkId: "", attributes: { reclaimed: "0" } });
    return { NetworksDeleted: deleted };
  }

  #membersIn(networkId: string): Member[] {
    return this.book.members().filter(([, endpoint]) => endpoint.networkId === networkId);
  }
}
