/** The variables that `--link` gives a container, in the words of Docker's first linked containers. */

export interface LinkVariablesInput {
  /** `/PARENT/ALIAS`. */
  readonly name: string;
  readonly address: string;
  /** The other container's own environment. */
  readonly env: readonly string[];
  /** Its exposed ports, `80/tcp`. */
  readonly ports: readonly string[];
}

interface ExposedPort {
  readonly port: number;
  readonly protocol: string;
}

/** Variables of the image rather than of the container. */
const unlinked: ReadonlySet<string> = new Set(["HOME", "PATH"]);

export function linkVariables({ name, address, env, ports: exposed }: LinkVariablesInput): string[] {
  const alias = name
    .slice(name.lastIndexOf("/") + 1)
    .toUpperCase()
    .replaceAll("-", "_");
  const ports = exposed.map(parsePort).sort(byPort);
  const url = ({ port, protocol }: ExposedPort): string => `${protocol}://${address}:${port}`;
  const [first] = ports;
  return [
    ...(first ? [`${alias}_PORT=${url(first)}`] : []),
    ...runs(ports).flatMap(([start, end]) => {
      const prefix = `${alias}_PORT_${start.port}_${start.protocol.toUpperCase()}`;
      return [
        `${prefix}_START=${url(start)}`,
        `${prefix}_ADDR=${address}`,
        `${prefix}_PROTO=${start.protocol}`,
        `${prefix}_PORT_START=${start.port}`,
        `${prefix}_END=${url(end)}`,
        `${prefix}_PORT_END=${end.port}`,
      ];
    }),
    ...ports.flatMap((each) => {
      const prefix = `${alias}_PORT_${each.port}_${each.protocol.toUpperCase()}`;
      return [
        `${prefix}=${url(each)}`,
        `${prefix}_ADDR=${address}`,
        `${prefix}_PORT=${each.port}`,
        `${prefix}_PROTO=${each.protocol}`,
      ];
    }),
    `${alias}_NAME=${name}`,
    ...env.flatMap((variable) => {
      const end = variable.indexOf("=");
      return end < 1 || unlinked.has(variable.slice(0, end)) ? [] : [`${alias}_ENV_${variable}`];
    }),
  ];
}

function parsePort(text: string): ExposedPort {
  const [port = "", protocol = "tcp"] = text.split("/");
  return { port: Number(port), protocol };
}

/** TCP first: the first of all is the one that `ALIAS_PORT` names. */
const byPort = (a: ExposedPort, b: ExposedPort): number =>
  Number(b.protocol === "tcp") - Number(a.protocol === "tcp") || a.port - b.port;

/** First and last of each run of two or more neighbouring ports of one protocol. */
function runs(ports: readonly ExposedPort[]): [ExposedPort, ExposedPort][] {
  const found: [ExposedPort, ExposedPort][] = [];
  let start = ports[0];
  let last = start;
  for (const each of [...ports.slice(1), undefined]) {
    if (each && last && each.port === last.port + 1 && each.protocol === last.protocol) {
      last = each;
      continue;
    }
    if (start && last && last !== start) found.push([start, last]);
    start = last = each;
  }
  return found;
}
