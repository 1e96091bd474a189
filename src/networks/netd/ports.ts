/** Published ports: reserved by a socket, then mapped in the table or served by a proxy. */
import { readFileSync } from "node:fs";
import { Conntrack } from "../../linux/conntrack.ts";
import { closeSocket, holdPort } from "../../linux/socket.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { Firewall, PortMapping } from "./firewall.ts";
import { bytesOf } from "./ip.ts";
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
  close(): void;
}

export class Ports {
  readonly #conntrack = new Conntrack();
  /** Null where firewalls are left alone: every port is served by a proxy then. */
  readonly #firewall: Firewall | null;
  readonly #taken = new Set<string>();
  #cursor = 0;

  constructor(firewall: Firewall | null) {
    this.#firewall = firewall;
  }

  /** Publishes all of `specs` or none. Throws {@link BindError}. */
  async publish(specs: readonly PortSpec[]): Promise<Publication> {
    let holds: Hold[] = [];
    try {
      for (const spec of specs) holds.push(...(await this.#hold(spec)));
      const mappings = this.#mappingsOf(holds);
      this.#firewall?.publish(mappings);
      // A client that has been sending all along would go on being answered by nobody.
      for (const { protocol, hostPort } of mappings) {
        if (protocol === "udp") this.#conntrack.forgetUdp({ sentTo: hostPort });
      }
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
        const mappings = this.#mappingsOf(gone);
        this.#firewall?.unpublish(mappings);
        for (const { protocol, hostPort } of mappings) {
          if (protocol === "udp") this.#conntrack.forgetUdp({ sentTo: hostPort });
        }
        for (const hold of gone) hold.close();
      },
      close: () => {
        const mappings = this.#mappingsOf(holds);
        this.#firewall?.unpublish(mappings);
        const served = new Set(mappings.filter(({ protocol }) => protocol === "udp").map(({ address }) => address));
        for (const address of served) {
          this.#conntrack.forgetUdp({ answeredBy: bytesOf(address) });
        }
        for (const hold of holds) hold.close();
      },
    };
  }

  /** What the table translates; the rest is served by a proxy. */
  #mappingsOf(holds: readonly Hold[]): PortMapping[] {
    if (!this.#firewall) return [];
    return holds.filter(({ port }) => !port.host.includes(":")).map(({ port }) => mappingOf(port));
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

  async #holdOne({ protocol, port }: PortSpec, { host, address }: PortBind, hostPort: number): Promise<Hold> {
    const key = `${protocol} ${host} ${hostPort}`;
    if (this.#taken.has(key) || this.#clashes(protocol, host, hostPort)) {
      throw new BindError(host, hostPort, true, "EADDRINUSE", undefined);
    }
    this.#taken.add(key);
    const published = { protocol, port, host, hostPort, address };
    let release: () => void;
    try {
      release = await this.#bind(published);
    } catch (error) {
      this.#taken.delete(key);
      throw error;
    }
    return {
      port: published,
      close: () => {
        this.#taken.delete(key);
        release();
      },
    };
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

  async #bind({ protocol, address, port, host, hostPort }: PublishedPort): Promise<() => void> {
    try {
      if (this.#firewall && !host.includes(":")) {
        const fd = holdPort(protocol, bytesOf(host), hostPort);
        return () => closeSocket(fd);
      }
      if (protocol === "sctp") {
        if (!this.#firewall) throw new Error("SCTP is published by translation only, and firewalls are left alone");
        return () => {};
      }
      const listen = protocol === "tcp" ? proxyTcp : proxyUdp;
      const proxy = await listen(host, hostPort, { address, port });
      return () => proxy.close();
    } catch (error) {
      const code = (error as { code?: string }).code ?? "EIO";
      throw new BindError(host, hostPort, false, code, error);
    }
  }
}

function mappingOf({ protocol, host, hostPort, address, port }: PublishedPort): PortMapping {
  return { protocol, host: host === "0.0.0.0" ? null : host, hostPort, address, port };
}
