/** Where a daemon listens: `unix://`, `tcp://`, `ssh://` addresses turned into connections. */
import type { ByteStream, TlsOptions } from "./byte-stream.ts";
import { connectSocket } from "./byte-stream.ts";
import { ConnectionError } from "./client.ts";
import { sshEndpoint } from "./ssh-endpoint.ts";

/** A daemon's address as the user wrote it, completed, and how to connect to it. */
export interface Endpoint {
  readonly address: string;
  readonly hostHeader: string;
  connect(): Promise<ByteStream>;
}

export interface EndpointOptions {
  /** For tcp only. */
  readonly tls?: Omit<TlsOptions, "serverName"> | undefined;
  /** What ssh runs at the far end. */
  readonly program?: string;
}

/** Understands an address; throws for a scheme nobody knows. */
export function parseEndpoint(text: string, options: EndpointOptions = {}): Endpoint {
  const { tls, program = "docker" } = options;
  const match = /^([a-z]+):\/\/(.*)$/.exec(text);
  if (!match) return parseEndpoint(text.startsWith("/") ? `unix://${text}` : `tcp://${text}`, options);
  const [, scheme, rest = ""] = match;
  if (scheme === "unix") return unixEndpoint(rest);
  if (scheme === "tcp" || scheme === "http" || scheme === "https") return tcpEndpoint(rest, scheme === "https", tls);
  if (scheme === "ssh") return sshEndpoint(text, program);
  throw new Error(`unable to resolve docker endpoint: invalid bind address format: ${text}`);
}

function unixEndpoint(path: string): Endpoint {
  const address = `unix://${path}`;
  return {
    address,
    hostHeader: "api.moby.localhost",
    connect: () => guarded(address, () => connectSocket({ unix: path })),
  };
}

function tcpEndpoint(rest: string, https: boolean, tls?: Omit<TlsOptions, "serverName">): Endpoint {
  const url = new URL(`http://${rest || "localhost"}`);
  const secure = https || tls !== undefined;
  const explicit = /:(\d+)(?:\/|$)/.exec(rest.replace(/^.*\]/, ""))?.[1];
  const port = Number(explicit ?? (secure ? 2376 : 2375));
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const address = `tcp://${url.hostname}:${port}`;
  const settings = secure ? { verify: true, ...tls, serverName: hostname } : undefined;
  const connect = (): Promise<ByteStream> =>
    guarded(address, () => connectSocket({ hostname, port, ...(settings && { tls: settings }) }));
  return { address, hostHeader: `${url.hostname}:${port}`, connect };
}

async function guarded(address: string, connect: () => Promise<ByteStream>): Promise<ByteStream> {
  try {
    return await connect();
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    // What went wrong after the connection was there has its own words.
    if (error instanceof Error && error.message.startsWith("error during connect: "))
      throw new ConnectionError(error.message, code, { cause: error });
    if (code === "EACCES") {
      const path = address.replace("unix://", "");
      throw new ConnectionError(
        `permission denied while trying to connect to the Docker daemon socket at ${address}: dial unix ${path}: connect: permission denied`,
        code,
        { cause: error },
      );
    }
    throw new ConnectionError(
      `Cannot connect to the Docker daemon at ${address}. Is the docker daemon running?`,
      code,
      { cause: error },
    );
  }
}
