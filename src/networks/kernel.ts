/** The daemon's hold on netd: bridges made when needed, and both sides brought to one state when they meet. */
import { existsSync, readlinkSync } from "node:fs";
import { insist } from "../lib/insist.ts";
import type { NetworkBook } from "./book.ts";
import { type Family, families, prefixOf } from "./netd/ip.ts";
import type { BridgeFamily, ParentSpec, PublishedPort } from "./netd/protocol.ts";
import { isSamePort, specOf } from "./netd/published.ts";
import { NetdClient } from "./netd-client.ts";
import type { NetworksConfig, NetworksOptions } from "./networks.ts";
import { outwardRoutes } from "./outward.ts";
import { type BridgeDevice, type NetworkRecord, segmentOf, type UpperDevice } from "./record.ts";

type Call = NetdClient["call"];

export class KernelNetworks implements AsyncDisposable {
  readonly netd: NetdClient;
  readonly #book: NetworkBook;
  readonly #log: (message: string) => void;
  readonly #options: NetworksOptions;
  /** Ids of networks that stand in the kernel. */
  readonly #ready = new Set<string>();
  readonly #closed = new AbortController();
  #meeting: Promise<void> | null = null;

  constructor(options: NetworksOptions, book: NetworkBook) {
    const { config, instance, paths, log } = options;
    this.#options = options;
    this.#book = book;
    this.#log = log;
    this.netd = new NetdClient({
      execRoot: paths.execRoot,
      socket: paths.netdSocket,
      instance,
      firewall: firewallOf(config),
      ipForward: config.ipForward,
      proxies: config.userlandProxy,
    });
    this.netd.onConnect = (call) => this.#synchronise(call);
    this.netd.onLost = () => this.#lost();
  }

  /** Starts netd, or meets the one that runs, and returns once it does what the records say. */
  async meet(): Promise<void> {
    const { firewall, ipForward, proxies } = await this.netd.call("hello", {});
    const { config } = this.#options;
    const wanted = firewallOf(config);
    const sameRules = families.every((family) => firewall[family] === wanted[family]);
    const same = sameRules && ipForward === config.ipForward && proxies === config.userlandProxy;
    if (same || this.needed()) return;
    // It was started by a daemon of another mind, and nothing depends on it.
    await this.netd.shutdown();
    await this.netd.call("hello", {});
  }

  /** True when a container's network depends on netd. */
  needed(): boolean {
    return [...this.#book.sandboxes.list().records.values()].some((sandbox) => sandbox.state !== null);
  }

  async ensureSegment(id: string, network: NetworkRecord): Promise<void> {
    if (!network.device || this.#ready.has(id)) return;
    await ensureSegment((method, params) => this.netd.call(method, params), network, this.#options.config);
    this.#ready.add(id);
  }

  async removeSegment(id: string, { device }: NetworkRecord): Promise<void> {
    this.#ready.delete(id);
    if (!device) return;
    await this.netd.callIfRunning(device.kind === "bridge" ? "removeBridge" : "removeParent", { name: device.name });
  }

  /** The container's process runs: its network needs no mount any more. */
  async leaveTo(pid: number, containerId: string): Promise<void> {
    const state = this.#book.sandboxes.get(containerId)?.state;
    if (state && !leadsToProcess(state.path)) await this.netd.callIfRunning("leave", { containerId, pid });
  }

  /** Publishes what `wanted` has and `present` has not, and takes back what is too much. */
  restorePorts(
    containerId: string,
    present: readonly PublishedPort[],
    wanted: readonly PublishedPort[],
  ): Promise<void> {
    return restorePorts((method, params) => this.netd.call(method, params), containerId, present, wanted);
  }

  /** Ends netd with everything that it holds. */
  async shutdown(): Promise<void> {
    this.#closed.abort();
    await this.netd.shutdown();
  }

  /** Lets go of netd, which lives on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.netd[Symbol.asyncDispose]();
  }

  /** Brings a netd that was just reached and the records to the same state; the records say who lives. */
  async #synchronise(call: Call): Promise<void> {
    this.#ready.clear();
    const networks = this.#book.networks.list().records;
    const { bridges, parents } = await call("hello", {});
    await call("userChain", { kept: this.#options.config.userChain });
    for (const [id, network] of networks) {
      try {
        await ensureSegment(call, network, this.#options.config);
        this.#ready.add(id);
      } catch (error) {
        // One network that cannot be made again must not take the others along; its next container says why.
        this.#log(`network ${network.name}: ${error}`);
      }
    }
    const sandboxes = this.#book.sandboxes.list().records;
    const held = new Set<string>();
    for (const found of await call("list", {})) {
      const { containerId } = found;
      const sandbox = sandboxes.get(containerId);
      if (!sandbox) {
        await call("detach", { containerId });
        continue;
      }
      held.add(containerId);
      // A daemon died between a connection and its record.
      const recorded = new Set(sandbox.state?.interfaces.map((one) => one.segment));
      let present = found;
      for (const { segment } of found.interfaces) {
        if (recorded.has(segment)) continue;
        present = await call("disconnect", { containerId, segment, routes: outwardRoutes(this.#book, containerId) });
      }
      // Or between a disconnection and its record.
      this.#book.disconnected(present);
      // Or between a change of published ports and its record.
      const wanted = this.#book.sandboxes.get(containerId)?.state?.ports ?? [];
      await restorePorts(call, containerId, present.ports, wanted).catch((error) =>
        this.#log(`published ports of ${containerId}: ${error}`),
      );
    }
    const segments = new Set([...networks.values()].map(segmentOf));
    for (const name of bridges) if (!segments.has(name)) await call("removeBridge", { name });
    for (const name of parents) if (!segments.has(name)) await call("removeParent", { name });
    for (const [id, sandbox] of sandboxes) {
      if (held.has(id) || !sandbox.state || !existsSync(sandbox.state.path)) continue;
      try {
        const state = await call("adopt", sandbox.state);
        this.#book.db.transaction("normal", (tx) => this.#book.sandboxes.put(tx, id, { ...sandbox, state }));
      } catch (error) {
        this.#log(`network of ${id} could not be taken over: ${error}`);
      }
    }
    await call("sweep", {});
  }

  /** Containers depend on a netd that died: start another one at once, and again when that fails. */
  #lost(): void {
    this.#ready.clear();
    this.#meeting ??= insist(() => this.meet(), {
      signal: this.#closed.signal,
      wanted: () => this.needed(),
      failed: (why) => this.#log(`netd is gone: ${why}`),
    }).finally(() => {
      this.#meeting = null;
    });
  }
}

/** False also for what an older engine left, a mount itself. */
function leadsToProcess(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("/proc/");
  } catch {
    return false;
  }
}

const firewallOf = ({ firewall, firewall6 }: NetworksConfig) => ({ ipv4: firewall, ipv6: firewall6 });

async function restorePorts(
  call: Call,
  containerId: string,
  present: readonly PublishedPort[],
  wanted: readonly PublishedPort[],
): Promise<void> {
  const without = (from: readonly PublishedPort[], those: readonly PublishedPort[]): PublishedPort[] =>
    from.filter((port) => !those.some((one) => isSamePort(one, port)));
  const remove = without(present, wanted);
  const add = without(wanted, present).map(specOf);
  if (add.length > 0 || remove.length > 0) await call("republish", { containerId, add, remove });
}

async function ensureSegment(call: Call, network: NetworkRecord, config: NetworksConfig): Promise<void> {
  const { device, internal } = network;
  if (device?.kind === "bridge") await call("ensureBridge", bridgeOf(network, device, config));
  else if (device) await call("ensureParent", parentOf(device, internal));
}

function parentOf({ name, parent, mtu, ...upper }: UpperDevice, internal: boolean): ParentSpec {
  return { name, parent, upper, mtu, internal };
}

function bridgeOf(network: NetworkRecord, device: BridgeDevice, { directRouting: direct }: NetworksConfig) {
  const { name, mtu, icc, masquerade, modes, inhibitIpv4, foreign, sources, trusted = [] } = device;
  const inFamily = (family: Family): BridgeFamily | null => {
    const addressing = network[family];
    if (!addressing) return null;
    const { subnet, gateway } = addressing;
    const source = sources?.[family];
    const common = { subnet, mode: modes[family], ...(source === undefined ? {} : { source }) };
    if (foreign?.[family] || (family === "ipv4" && inhibitIpv4)) return { ...common, address: null, foreign: true };
    return { ...common, address: gateway === null ? null : `${gateway}/${prefixOf(subnet)}` };
  };
  const { internal } = network;
  const pooled = network.name === "bridge";
  const [ipv4, ipv6] = [inFamily("ipv4"), inFamily("ipv6")];
  return { name, ipv4, ipv6, mtu, icc, masquerade, internal, trusted, direct, pooled };
}
