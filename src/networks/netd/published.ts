/** Published ports, compared and asked for again. */
import type { PortSpec, PublishedPort } from "./protocol.ts";

/** True for one place on the host that leads to one port of one address. */
export const isSamePort = (a: PublishedPort, b: PublishedPort): boolean =>
  a.protocol === b.protocol &&
  a.host === b.host &&
  a.hostPort === b.hostPort &&
  a.port === b.port &&
  a.address === b.address;

/** True when what is asked for may need the place that `port` has on the host. */
export const takesPlaceOf = ({ protocol, first, last }: PortSpec, port: PublishedPort): boolean =>
  protocol === port.protocol && first <= port.hostPort && port.hostPort <= Math.max(first, last);

/** The same port again. */
export const specOf = ({ protocol, port, host, hostPort, address }: PublishedPort): PortSpec => ({
  protocol,
  port,
  first: hostPort,
  last: hostPort,
  binds: [hostPort === 0 ? { host, address, opened: true } : { host, address }],
});
