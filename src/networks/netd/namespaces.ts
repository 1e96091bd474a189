/**
 * Container namespaces: how they are made, the steps of plugging one in, and the way they go: the namespace is dropped and the
 * kernel takes its links apart behind us.
 */
import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import { writeNetSysctl } from "../../linux/net-sysctl.ts";
import { inNamespace } from "../../linux/netns.ts";
import { Rtnetlink } from "../../linux/rtnetlink.ts";
import { macBytes, rtnetlink } from "../../linux/rtnetlink-messages.ts";
import { Announcer } from "../../linux/socket.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { type Bridge, isolatesPorts, randomMac } from "./bridges.ts";
import { Claims } from "./claims.ts";
import { interfaceSteps, placesOf, routeStep } from "./interface-steps.ts";
import { addressBytes, parseAddress } from "./ip.ts";
import { NamespacePool } from "./namespace-pool.ts";
import { Pins } from "./pins.ts";
import type { EndpointSpec, Interface } from "./protocol.ts";

/** A namespace with the sockets to work in it; `spare` is a link that waits for its endpoint. */
export interface Namespace {
  readonly id: string;
  /** By which others enter it. */
  readonly path: string;
  /** By which netd does, whatever the path leads to meanwhile; -1 once it is dropped. */
  fd: number;
  /** Null between uses, so that a thousand quiet containers hold no sockets. */
  route: Rtnetlink | null;
  spare: { veth: string; mac: string } | null;
  /** Device numbers for names of links, never used twice in one namespace. */
  nextLink: number;
}

/** What a container finds in a namespace of its own, as in Docker's: ports below 1024, and ICMP echo for every group. */
const bornWith = { "ipv4/ip_unprivileged_port_start": "0", "ipv4/ping_group_range": "0 2147483647" };

/** Name of a spare link inside its namespace; also the most common name, so that most need no renaming. */
const spareName = "eth0";

export class Namespaces {
  readonly #pins: Pins;
  readonly #host: Rtnetlink;
  readonly #announcer = new Announcer();
  readonly #claims = new Claims();
  readonly #pool: NamespacePool;
  /** Links of dropped namespaces that the kernel may not have taken apart yet. */
  readonly #fading = new Set<string>();

  constructor(directory: string, host: Rtnetlink, poolSize: number) {
    this.#pins = new Pins(directory);
    this.#host = host;
    this.#pool = new NamespacePool(
      poolSize,
      (bridge) => this.#make(bridge),
      (namespace) => this.drop(namespace, namespace.spare ? [namespace.spare.veth] : []),
    );
  }

  /** From now on ready namespaces have their link on `bridge`; null keeps none with a link. */
  poolOn(bridge: Bridge | null): void {
    this.#pool.on(bridge);
  }

  /** A namespace with a spare link when `linked`, from the pool if it has one. */
  take(linked: boolean): Namespace {
    return this.#pool.take(linked);
  }

  /** The namespace of that number at `path`, made by an earlier netd. Throws when it is gone. */
  reopen(id: string, path: string, number: number | undefined, nextLink: number): Namespace {
    return { id, path, fd: this.#pins.open(path, number), route: null, spare: null, nextLink };
  }

  /** Leaves the namespace to the process `pid` that is in it, which keeps it from then on. Throws when it is not. */
  leaveTo(pid: number, namespace: Namespace): void {
    this.#pins.leaveTo(pid, namespace.path, namespace);
  }

  /** Closes what is only needed while the namespace is worked on. */
  rest(namespace: Namespace): void {
    namespace.route?.[Symbol.dispose]();
    namespace.route = null;
  }

  /** Gives the namespace the interface `endpoint` on `bridge`. */
  plug(namespace: Namespace, endpoint: EndpointSpec, bridge: Bridge): Interface {
    const { spare } = namespace;
    namespace.route ??= inNamespace(namespace, () => new Rtnetlink());
    const { route } = namespace;
    const host = this.#host;
    let mac = endpoint.mac ?? spare?.mac ?? randomMac();
    let veth: string;
    if (spare) {
      namespace.spare = null;
      veth = spare.veth;
      if (this.#pool.bridge?.index !== bridge.index) {
        const index = linkOf(host, veth);
        host.apply(
          `move ${veth}`,
          rtnetlink.linkMaster(index, bridge.index),
          rtnetlink.bridgePort(index, isolatesPorts(bridge.spec)),
        );
      }
    } else {
      veth = this.#addLink(namespace, bridge, endpoint.ifname, mac);
    }
    const inside = linkOf(route, spare ? spareName : endpoint.ifname);
    const steps = [];
    if (spare && endpoint.mac && endpoint.mac !== spare.mac) steps.push(rtnetlink.linkMac(inside, endpoint.mac));
    if (spare && endpoint.ifname !== spareName) {
      steps.push(rtnetlink.linkDown(inside), rtnetlink.linkName(inside, endpoint.ifname));
    }
    if (spare && bridge.spec.mtu !== this.#pool.bridge?.spec.mtu) {
      host.apply("set mtu", rtnetlink.linkMtu(linkOf(host, veth), bridge.spec.mtu));
      steps.push(rtnetlink.linkMtu(inside, bridge.spec.mtu));
    }
    steps.push(...interfaceSteps(namespace, inside, spare ? spareName : endpoint.ifname, endpoint));
    route.apply(`configure ${endpoint.ifname}`, ...steps);
    mac = endpoint.mac ?? mac;
    // The address may have belonged to another container a moment ago; nobody may go on sending there.
    for (const { family, address } of placesOf(endpoint)) {
      if (bridge.spec[family]?.address) host.apply("announce", rtnetlink.neighbour(bridge.index, address, mac));
      if (this.#claims.claim(bridge, address.join("."), mac)) {
        this.#announcer.announce(bridge.index, address, macBytes(mac));
      }
    }
    const { link, segment, ifname, ipv4, ipv6, names } = endpoint;
    return { link, segment, ifname, ipv4, ipv6, mac, names, veth };
  }

  /** Sends what is for the world through that interface from now on. */
  route(namespace: Namespace, ifname: string, gateway: string): void {
    namespace.route ??= inNamespace(namespace, () => new Rtnetlink());
    const { route } = namespace;
    const address = parseAddress(gateway);
    if (address === undefined) throw new Error(`bad gateway ${gateway}`);
    route.apply(`route by ${ifname}`, routeStep(linkOf(route, ifname), addressBytes(address)));
  }

  /** Removes one interface of a living namespace. */
  unplug({ veth }: Interface): void {
    if (veth !== null) this.#deleteLink(veth);
  }

  /** Forgets the namespace, which stays as it is. */
  close(namespace: Namespace): void {
    this.rest(namespace);
    if (namespace.fd !== -1) closeSync(namespace.fd);
    namespace.fd = -1;
  }

  /** Lets the namespace go; its links follow, and are helped when a stray process keeps them alive. */
  drop(namespace: Namespace, links: readonly string[]): void {
    this.close(namespace);
    this.#pins.drop(namespace.path);
    if (links.length === 0) return;
    for (const veth of links) this.#fading.add(veth);
    setTimeout(() => this.#fade(links), 200);
  }

  /** Drops what earlier netds left: all but the pool and those at the paths in `claimed`; answers how many. */
  sweep(claimed: Iterable<string>): number {
    return this.#pins.sweep(new Set([...claimed, ...this.#pool.paths()]));
  }

  /** Drops every spare namespace, and returns when no link of any dropped one is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#pool.end();
    // The kernel takes the links of many namespaces apart together, much faster than one by one.
    for (let waited = 0; waited < 200; waited += 10) {
      for (const veth of this.#fading) if (!this.#host.link(veth)) this.#fading.delete(veth);
      if (this.#fading.size === 0) return;
      await Bun.sleep(10);
    }
    this.#fade([...this.#fading]);
  }

  #fade(links: readonly string[]): void {
    for (const veth of links) if (this.#fading.delete(veth)) this.#deleteLink(veth);
  }

  #make(bridge: Bridge | null): Namespace {
    const id = randomBytes(32).toString("hex");
    const {
      path,
      fd,
      made: route,
    } = this.#pins.create(id.slice(0, 12), () => {
      // Links are born without IPv6: an IPv4 network has no link-local addresses and believes no router.
      for (const scope of ["all", "default"]) writeNetSysctl(`ipv6/conf/${scope}/accept_ra`, "0");
      writeNetSysctl("ipv6/conf/default/disable_ipv6", "1");
      for (const [name, value] of Object.entries(bornWith)) writeNetSysctl(name, value);
      const inside = new Rtnetlink();
      inside.apply("bring up lo", rtnetlink.linkUp(1));
      return inside;
    });
    const namespace: Namespace = { id, path, fd, route, spare: null, nextLink: 0 };
    if (!bridge) return namespace;
    try {
      const mac = randomMac();
      const veth = this.#addLink(namespace, bridge, spareName, mac);
      // Up already, so that the bridge forwards to it from the first packet on.
      route.apply("bring up spare link", rtnetlink.linkUp(linkOf(route, spareName)));
      namespace.spare = { veth, mac };
      return namespace;
    } catch (error) {
      this.drop(namespace, []);
      throw error;
    }
  }

  #addLink(namespace: Namespace, bridge: Bridge, ifname: string, mac: string): string {
    const veth = `dh${namespace.id.slice(0, 10)}${namespace.nextLink++}`;
    const inside = { name: ifname, netns: namespace.fd, mac };
    try {
      this.#host.apply(`create ${veth}`, rtnetlink.veth(veth, bridge.index, bridge.spec.mtu, inside));
    } catch (error) {
      // A bridge has 1,023 ports at most.
      if (!isErrno(error, "EXFULL")) throw error;
      throw new Error(`adding interface ${veth} to bridge ${bridge.spec.name} failed: exchange full`);
    }
    writeNetSysctl(`ipv6/conf/${veth}/disable_ipv6`, "1");
    this.#host.apply(`port ${veth}`, rtnetlink.bridgePort(linkOf(this.#host, veth), isolatesPorts(bridge.spec)));
    return veth;
  }

  #deleteLink(veth: string): void {
    const link = this.#host.link(veth);
    if (!link) return;
    try {
      this.#host.apply(`delete ${veth}`, rtnetlink.linkDelete(link.index));
    } catch (error) {
      if (!isErrno(error, "ENODEV")) throw error;
    }
  }
}

function linkOf(route: Rtnetlink, name: string): number {
  const link = route.link(name);
  if (!link) throw new Error(`link ${name} is gone`);
  return link.index;
}
