/** Published ports: reserved by a socket, then mapped in the table or served by a proxy. */
import { readFileSync } from "node:fs";
import { Conntrack } from "../../linux/conntrack.ts";
import { closeSocket, holdPort } from "../../linux/socket.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { Firewall, PortRule } from "./firewall.ts";
import { bytesOf, familyOf } from "./ip.ts";
import type { PortBind, PortSpec, PublishedPort } from "./protocol.ts";
import { proxyTcp, proxyUdp } from "./proxy.ts";
import { isSamePort } from "./published.ts";

/** A host port that could not be had; `ours` when another container of this engine has it. */
export class BindError extends Error {
  override readonly name = "BindError";
  constructor(
    readonly host: string,
    readonly port: number,
    readonly ours: boolean,
    readonly code: string,
    cause: unknown,
  ) {
    super(ours ? "port is already allocated" : "address already in use", { cause });
  }
}

/** What one container has published. */
export interface Publication {
  readonly ports: readonly PublishedPort[];
  /** Gives some of the ports back; what is not among them is left out. */
  withdraw(ports: readonly PublishedPort[]): void;
  /** Gives the ports back; done once. */
  close(): void;
}

interface Hold {
  readonly port: PublishedPort;
  /** What the table has to know of it. */
  readonly rules: readonly PortRule[];
  close(): void;
}

export class Ports {
  readonly #conntrack = new Conntrack();
  /** Null where firewalls are left alone: every port is served by a proxy then. */
  readonly #firewall: Firewall | null;
  readonly #proxies: boolean;
  readonly #taken = new Set<string>();
  #cursor = 0;

  /** False for `proxies` leaves what translation cannot reach unserved; the host's port is kept all the same. */
  constructor(firewall: Firewall | null, proxies: boolean) {
    this.#firewall = firewall;
    this.#proxies = proxies;
  }

  /** Publishes all of `specs` or none. Throws {@link BindError}. */
  async publish(specs: readonly PortSpec[]): Promise<Publication> {
    let holds: Hold[] = [];
    try {
      for (const spec of specs) holds.push(...(await this.#hold(spec)));
      this.#firewall?.publish(holds.flatMap(({ rules }) => rules));
      // A client that has been sending all along would go on being answered by nobody.
      this.#forgetFlows(holds);
    } catch (error) {
      for (const hold of holds) hold.close();
      throw error;
    }
    return {
      get ports() {
        return holds.map((hold) => hold.port);
      },
      withdraw: (ports) => {
        const gone = holds.filter(({ port }) => ports.some((one) => isSamePort(one, port)));
        holds = holds.filter((hold) => !gone.includes(hold));
        this.#firewall?.unpublish(gone.flatMap(({ rules }) => rules));
        this.#forgetFlows(gone);
        for (const hold of gone) hold.close();
      },
      close: () => {
        const rules = holds.flatMap((hold) => hold.rules);
        this.#firewall?.unpublish(rules);
        const served = new Set(
          rules.flatMap((rule) => (rule.kind !== "proxied" && rule.protocol === "udp" ? [rule.address] : [])),
        );
        for (const address of served) this.#conntrack.forgetUdp({ answeredBy: bytesOf(address) });
        for (const hold of holds) hold.close();
      },
    };
  }

  /** Of flows that were translated, or were not until now, the next packet is looked up again. */
  #forgetFlows(holds: readonly Hold[]): void {
    for (const rule of holds.flatMap(({ rules }) => rules)) {
      if (rule.protocol !== "udp" || rule.kind === "proxied" || rule.kind === "direct") continue;
      this.#conntrack.forgetUdp({ sentTo: rule.kind === "opened" ? rule.port : rule.hostPort });
    }
  }

  async #hold(spec: PortSpec): Promise<Hold[]> {
    let failure: unknown;
    for (const hostPort of this.#candidates(spec)) {
      try {
        return await this.#holdAt(spec, hostPort);
      } catch (error) {
        failure = error;
        if (!(error instanceof BindError) || error.code !== "EADDRINUSE") throw error;
      }
    }
    throw failure;
  }

  *#candidates({ first, last }: PortSpec): Generator<number> {
    if (first !== 0) {
      for (let port = first; port <= Math.max(first, last); port++) yield port;
      return;
    }
    const [low = 32768, high = 60999] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
      .split(/\s+/)
      .map(Number);
    const size = high - low + 1;
    for (let n = 0; n < size; n++) yield low + (this.#cursor++ % size);
  }

  async #holdAt(spec: PortSpec, hostPort: number): Promise<Hold[]> {
    const holds: Hold[] = [];
    try {
      for (const bind of spec.binds) {
        try {
          holds.push(await this.#holdOne(spec, bind, hostPort));
        } catch (error) {
          const noFamily = error instanceof BindError && isErrno(error, "EAFNOSUPPORT", "EADDRNOTAVAIL");
          if (!bind.optional || !noFamily) throw error;
        }
      }
    } catch (error) {
      for (const hold of holds) hold.close();
      throw error;
    }
    return holds;
  }

  async #holdOne(spec: PortSpec, bind: PortBind, hostPort: number): Promise<Hold> {
    const { protocol, port } = spec;
    const { host, address } = bind;
    if (bind.opened) {
      const rules = this.#firewall?.carries(familyOf(address))
        ? [{ kind: "opened" as const, protocol, address, port }]
        : [];
      return { port: { protocol, port, host, hostPort: 0, address }, rules, close: () => {} };
    }
    const key = `${protocol} ${host} ${hostPort}`;
    if (this.#taken.has(key) || this.#clashes(protocol, host, hostPort)) {
      throw new BindError(host, hostPort, true, "EADDRINUSE", undefined);
    }
    this.#taken.add(key);
    const published = { protocol, port, host, hostPort, address };
    const ways = this.#waysOf(published);
    let release: () => void;
    try {
      release = await bindPort(published, ways);
    } catch (error) {
      this.#taken.delete(key);
      throw error;
    }
    return {
      port: published,
      rules: this.#rulesOf(published, ways),
      close: () => {
        this.#taken.delete(key);
        release();
      },
    };
  }

  /** How clients of a port reach the container; of `::`, both ways serve some. */
  #waysOf({ protocol, host, address }: PublishedPort): Ways {
    const family = familyOf(host);
    const translated = familyOf(address) === family && host !== "::1" && this.#firewall?.carries(family) === true;
    return { translated, proxied: this.#proxies && protocol !== "sctp" && (!translated || host === "::") };
  }

  #rulesOf({ protocol, host, hostPort, address, port }: PublishedPort, { translated, proxied }: Ways): PortRule[] {
    const family = familyOf(host);
    const place = { protocol, host: host === "0.0.0.0" || host === "::" ? null : host, hostPort };
    const rules: PortRule[] = [];
    if (translated) rules.push({ kind: "translated", ...place, address, port });
    // What is published on a loopback address is for this host alone, whoever may come to the container by routes.
    if (translated && !host.startsWith("127.")) rules.push({ kind: "direct", protocol, address, port });
    if (proxied && this.#firewall?.carries(family)) rules.push({ kind: "proxied", family, ...place });
    return rules;
  }

  /** A port on every address and the same port on one address exclude each other. */
  #clashes(protocol: string, host: string, hostPort: number): boolean {
    const any = host.includes(":") ? "::" : "0.0.0.0";
    if (host !== any) return this.#taken.has(`${protocol} ${any} ${hostPort}`);
    for (const key of this.#taken) {
      const [takenProtocol, takenHost = "", takenPort] = key.split(" ");
      const sameFamily = takenHost.includes(":") === host.includes(":");
      if (takenProtocol === protocol && sameFamily && Number(takenPort) === hostPort) return true;
    }
    return false;
  }
}

interface Ways {
  readonly translated: boolean;
  readonly proxied: boolean;
}

/** Keeps the port from others, by a proxy that listens or by a socket that does not; returns how it is given back. */
async function bindPort(
  { protocol, address, port, host, hostPort }: PublishedPort,
  { translated, proxied }: Ways,
): Promise<() => void> {
  try {
    if (proxied) {
      const proxy = await (protocol === "tcp" ? proxyTcp : proxyUdp)(host, hostPort, { address, port });
      return () => proxy.close();
    }
    if (protocol === "sctp" && !translated && familyOf(host) === familyOf(address)) {
      throw new Error("SCTP is published by translation only, and firewalls are left alone");
    }
    const fd = holdPort(protocol, bytesOf(host), hostPort);
    return () => closeSocket(fd);
  } catch (error) {
    const code = (error as { code?: string }).code ?? "EIO";
    throw new BindError(host, hostPort, false, code, error);
  }
}
