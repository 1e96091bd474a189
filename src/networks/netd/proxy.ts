/**
 * Proxies for published ports that address translation does not reach: IPv6 clients of an IPv4 container, this host asking at
 * ::1, neighbours asking from a link-local address, and all clients where firewalls are left alone. The listening socket is
 * the reservation of the port at the same time.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, isIPv6, type Socket } from "node:net";

export interface Proxy {
  close(): void;
}

/** Where the container answers. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Seconds after which a silent UDP client is forgotten; conntrack's own figure for a two-way flow is 120. */
const udpIdleSeconds = 120;

/** UDP clients known at once for one port: each holds a socket, and source addresses cost a sender nothing. */
const udpClients = 1024;

/** Listens on an address and joins each connection to one of its own to `target`; half-close goes through. */
export function proxyTcp(host: string, port: number, target: Target): Promise<Proxy> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const upstream = connect({ host: target.address, port: target.port, allowHalfOpen: true });
    clients.add(client).add(upstream);
    const over = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", over);
      one.on("close", () => {
        clients.delete(one);
        if (one.errored) other.destroy();
      });
    }
    upstream.once("connect", () => {
      client.pipe(upstream);
      upstream.pipe(client);
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, ipv6Only: isIPv6(host) }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve({
        close: () => {
          server.close();
          for (const client of clients) client.destroy();
        },
      });
    });
  });
}

/** The same for datagrams: one upstream socket per client, forgotten when silent, or when there are `cap` later ones. */
export function proxyUdp(host: string, port: number, target: Target, cap = udpClients): Promise<Proxy> {
  const server = isIPv6(host) ? createSocket({ type: "udp6", ipv6Only: true }) : createSocket("udp4");
  const clients = new Map<string, { upstream: UdpSocket; timer: ReturnType<typeof setTimeout>; forget: () => void }>();
  const clientOf = (address: string, clientPort: number) => {
    const key = `${address} ${clientPort}`;
    const known = clients.get(key);
    if (known) return known;
    if (clients.size >= cap) clients.values().next().value?.forget();
    const upstream = createSocket(isIPv6(target.address) ? "udp6" : "udp4");
    const forget = (): void => {
      clearTimeout(entry.timer);
      clients.delete(key);
      upstream.close();
    };
    const entry = { upstream, timer: setTimeout(() => forget(), udpIdleSeconds * 1000), forget };
    upstream.on("error", () => {});
    upstream.on("message", (data) => {
      entry.timer.refresh();
      server.send(data, clientPort, address);
    });
    clients.set(key, entry);
    return entry;
  };
  server.on("message", (data, from) => {
    const client = clientOf(from.address, from.port);
    client.timer.refresh();
    client.upstream.send(data, target.port, target.address);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.bind({ address: host, port, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve({
        close: () => {
          server.close();
          for (const { upstream, timer } of clients.values()) {
            clearTimeout(timer);
            upstream.close();
          }
          clients.clear();
        },
      });
    });
  });
}
