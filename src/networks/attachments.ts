/** A container's network from its start to its end. */
import type { NetworkSettings } from "../api/networks.ts";
import { conflict } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { translateAttach } from "./attach-errors.ts";
import type { NetworkBook } from "./book.ts";
import { addressesOf, emptySettings } from "./endpoints.ts";
import type { KernelNetworks } from "./kernel.ts";
import { namesOn, resolverSpec } from "./names-on.ts";
import type { ResolverSpec } from "./netd/dns/resolver.ts";
import { families } from "./netd/ip.ts";
import type { SandboxState } from "./netd/protocol.ts";
import type { InterfaceStats, NetworkEvent, NetworksConfig, ResolvConfs, Sandbox, SandboxRequest } from "./networks.ts";
import { hostAddressesOn, outwardMembers } from "./outward.ts";
import { outwardOf, type Planned, planEndpoints } from "./plan.ts";
import { planPorts } from "./ports-plan.ts";
import { waysIn } from "./publishing.ts";
import { type NetworkRecord, type SandboxRecord, segmentOf } from "./record.ts";
import { macOn, startedSettings } from "./started-settings.ts";
import { shownStats } from "./stats.ts";
import { hostNamed, serversOf, type Texts, textsOf } from "./texts.ts";

export class Attachments {
  constructor(
    private readonly config: NetworksConfig,
    private readonly book: NetworkBook,
    private readonly kernel: KernelNetworks,
    private readonly emit: (event: NetworkEvent) => void,
    private readonly log: (message: string) => void,
  ) {}

  /**
   * One commit, after the kernel has everything: a crash before it leaves a sandbox that no record names, which the
   * next meeting with netd gives back, and one of netd leaves namespaces that its successor sweeps.
   */
  async attach(request: SandboxRequest, op: Operation): Promise<Sandbox> {
    const { networkMode: mode, containerId } = request;
    if (mode.startsWith("container:")) return this.#join(mode.slice("container:".length), request);
    await this.detach(containerId);
    let plan: Planned[] = [];
    let state: SandboxState | null = null;
    try {
      plan = planEndpoints(this.book, request);
      const inHost = plan.some(({ network }) => network.driver === "host");
      const { resolvConfs, ...texts } = this.#texts(request, plan, inHost);
      const resolver = resolverSpec(serversOf(request, this.config));
      failPoint("networks.attach.planned");
      if (!inHost) state = await op.timings.measure("netd", () => this.#attach(request, plan, resolver));
      failPoint("networks.attach.attached");
      const made = state;
      const settings = startedSettings(request, plan, made);
      this.book.db.transaction("normal", (tx) => {
        for (const { id, record, network } of plan) {
          const MacAddress = macOn(made, network);
          this.book.putMember(tx, id, { ...record, settings: { ...record.settings, MacAddress } });
        }
        const names = { resolver, resolvConfs };
        const path = made?.path ?? null;
        this.book.sandboxes.put(tx, containerId, { attached: true, path, state: made, settings, names });
      });
      failPoint("networks.attach.recorded");
      for (const { networkId, network } of plan) this.#emitMember("connect", networkId, network, containerId);
      return { netnsPath: made?.path ?? null, settings, ...texts };
    } catch (error) {
      if (state) await this.#giveBack(containerId);
      for (const { id, record } of plan) this.book.withdraw([id, record]);
      throw translateAttach(error, request.name, plan[0]?.id ?? "");
    }
  }

  async detach(containerId: string): Promise<void> {
    const { book } = this;
    const sandbox = book.sandboxes.get(containerId);
    const members = book.membersOf(containerId);
    if (!sandbox && members.length === 0) return;
    if (sandbox?.state) await this.#giveBack(containerId);
    else book.forget(containerId);
    for (const [, { networkId, networkName }] of members) {
      const network = book.networks.get(networkId);
      if (network) this.#emitMember("disconnect", networkId, { ...network, name: networkName }, containerId);
    }
  }

  /** One network after the other: a death between two leaves the rest to the next rename or start. */
  async rename(containerId: string, name: string): Promise<void> {
    const { book } = this;
    for (const [id, member] of book.membersOf(containerId)) {
      const network = book.networks.get(member.networkId);
      const segment = network && segmentOf(network);
      if (!network || !segment) continue;
      const { DNSNames } = member.settings;
      const renamed = DNSNames && [...new Set([name, ...DNSNames.filter((one) => one !== member.containerName)])];
      const settings = { ...member.settings, DNSNames: renamed };
      const names = namesOn(network, settings);
      const state = names && (await this.kernel.netd.call("rename", { containerId, segment, names }));
      const sandbox = this.#running(containerId);
      book.db.transaction("normal", (tx) => {
        book.putMember(tx, id, { ...member, containerName: name, settings });
        const Networks = { ...sandbox.settings.Networks, [network.name]: settings };
        const shown = { ...sandbox.settings, Networks };
        book.sandboxes.put(tx, containerId, { ...sandbox, ...(state && { state }), settings: shown });
      });
    }
  }

  servedResolvConf(containerId: string): ResolvConfs | undefined {
    const sandbox = this.book.sandboxes.get(containerId);
    return sandbox?.state?.resolver ? sandbox.names?.resolvConfs : undefined;
  }

  hostAddressesOf(containerId: string): readonly string[] {
    const { ipv4, ipv6 } = outwardMembers(this.book, containerId);
    return hostNamed(hostAddressesOn({ ipv4: ipv4?.network, ipv6: ipv6?.network }), this.config);
  }

  settingsOf(containerId: string): NetworkSettings | undefined {
    const sandbox = this.book.sandboxes.get(containerId);
    return sandbox?.attached ? sandbox.settings : undefined;
  }

  async statsOf(containerId: string): Promise<Record<string, InterfaceStats>> {
    if (!this.book.sandboxes.get(containerId)?.state) return {};
    return shownStats((await this.kernel.netd.callIfRunning("stats", { containerId })) ?? {});
  }

  async #giveBack(containerId: string): Promise<void> {
    try {
      await this.kernel.netd.callIfRunning("detach", { containerId });
    } catch (error) {
      this.log(`network of ${containerId} is left to the next start: ${error}`);
    }
    failPoint("networks.detach.detached");
    this.book.forget(containerId);
  }

  #running(containerId: string): SandboxRecord {
    const sandbox = this.book.sandboxes.get(containerId);
    if (!sandbox) throw conflict(`container ${containerId} is not running`);
    return sandbox;
  }

  #join(target: string, request: SandboxRequest): Sandbox {
    const sandbox = this.book.sandboxes.get(target);
    if (!sandbox?.attached) throw conflict(`cannot join network namespace of a non running container: ${target}`);
    const { resolvConfs: _, ...texts } = this.#texts(request, [], sandbox.path === null);
    return { netnsPath: sandbox.path, settings: emptySettings(""), ...texts };
  }

  async #attach(request: SandboxRequest, plan: readonly Planned[], resolver: ResolverSpec): Promise<SandboxState> {
    for (const { networkId, network } of plan) await this.kernel.ensureSegment(networkId, network);
    const ports = planPorts({
      bindings: request.portBindings,
      exposed: request.exposedPorts,
      publishAll: request.publishAllPorts,
      ways: waysIn(plan, this.config),
      proxies: this.config.userlandProxy,
    });
    const endpoints = plan.flatMap(({ spec }) => (spec ? [spec] : []));
    return this.kernel.netd.call("attach", { containerId: request.containerId, endpoints, ports, resolver });
  }

  #texts(request: SandboxRequest, plan: readonly Planned[], inHost: boolean): Texts {
    const id = this.book.networks.findUnique("name", "bridge");
    const bridge = id === undefined ? undefined : this.book.networks.get(id);
    const gateways = families.flatMap((family) => bridge?.[family]?.gateway ?? []);
    const addresses = plan.flatMap(({ record }) => addressesOf(record.settings));
    const nameService = plan.some(({ spec }) => spec?.names != null);
    const hostAddresses = hostAddressesOn({
      ipv4: outwardOf(plan, "ipv4")?.network,
      ipv6: outwardOf(plan, "ipv6")?.network,
    });
    return textsOf(request, this.config, { addresses, inHost, gateways, hostAddresses, nameService });
  }

  #emitMember(action: "connect" | "disconnect", networkId: string, network: NetworkRecord, container: string): void {
    this.emit({ action, networkId, attributes: { container, name: network.name, type: network.driver } });
  }
}
