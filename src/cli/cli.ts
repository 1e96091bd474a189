/** What every command is given: its name, its streams, its configuration, and a client of the chosen daemon. */
import type { ByteStream } from "../client/byte-stream.ts";
import { Client, ConnectionError } from "../client/client.ts";
import { type Endpoint, parseEndpoint } from "../client/endpoint.ts";
import { version } from "../lib/version.ts";
import type { ComposeFlags } from "./compose/globals.ts";
import { type ConfigFile, configDirectory, readConfigFile } from "./config-file.ts";
import { chooseDaemon, type DaemonAddress } from "./daemon-address.ts";
import type { GlobalFlags } from "./globals.ts";
import { type Output, openOutput } from "./output.ts";

export class Cli {
  /** `docker` when called through a link of that name, else `dhow`; help texts use it. */
  readonly name: string;
  readonly globals: GlobalFlags;
  readonly stdout: Output = openOutput(1);
  readonly stderr: Output = openOutput(2);
  readonly configDir: string;
  /** Whether a daemon may be started where none answers; DHOW_AUTOSTART=0 says no. */
  autostart = process.env.DHOW_AUTOSTART !== "0";
  /** The flags between `compose` and its command, and which of them were given. */
  compose: ComposeFlags | null = null;
  composeChanged: ReadonlySet<string> = new Set();
  #config: Promise<ConfigFile> | null = null;
  #client: Promise<Client> | null = null;
  #daemon: Promise<DaemonAddress> | null = null;

  constructor(name: string, globals: GlobalFlags) {
    this.name = name;
    this.globals = globals;
    this.configDir = configDirectory(globals.config);
  }

  /** Queues text for standard output. */
  out(text: string): void {
    this.stdout.text(text);
  }

  /** Queues text for standard error. */
  err(text: string): void {
    this.stderr.text(text);
  }

  config(): Promise<ConfigFile> {
    this.#config ??= readConfigFile(this.configDir, (message) => this.err(message));
    return this.#config;
  }

  /** The daemon that this command speaks to. */
  daemon(): Promise<DaemonAddress> {
    this.#daemon ??= this.config()
      .then((config) => chooseDaemon(this.globals, config, this.configDir, this.name))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`Failed to initialize: unable to resolve docker endpoint: ${reason}`);
      });
    return this.#daemon;
  }

  /** A client of the chosen daemon; no connection is made before the first request. */
  client(): Promise<Client> {
    this.#client ??= this.#makeClient();
    return this.#client;
  }

  /** A raw connection to the chosen daemon, started if it may be. */
  async connect(): Promise<ByteStream> {
    const daemon = await this.daemon();
    const endpoint = await this.#endpoint(daemon);
    try {
      return await endpoint.connect();
    } catch (error) {
      if (!this.autostart || !(error instanceof ConnectionError) || !mayStart(daemon, error)) throw error;
      const { autostartFor, startDaemon } = await import("./autostart.ts");
      const start = autostartFor(daemon.address);
      if (!start) throw error;
      await startDaemon(start, async (text) => {
        this.stderr.text(text);
        await this.stderr.flush();
      });
      return endpoint.connect();
    }
  }

  /** Sends what is queued on both outputs. */
  async flush(): Promise<void> {
    await this.stdout.flush();
    await this.stderr.flush();
  }

  async #endpoint(daemon: DaemonAddress): Promise<Endpoint> {
    try {
      if (daemon.tls) await import("./tls-check.ts").then(({ checkTls }) => checkTls(daemon.tls ?? {}));
      return parseEndpoint(daemon.address, { tls: daemon.tls, program: this.name });
    } catch (error) {
      throw new Error(`Failed to initialize: ${error instanceof Error ? error.message : error}`);
    }
  }

  async #makeClient(): Promise<Client> {
    const daemon = await this.daemon();
    const config = await this.config();
    const endpoint = await this.#endpoint(daemon);
    const apiVersion = process.env.DOCKER_API_VERSION?.replace(/^v/, "");
    return new Client({
      connect: () => this.connect(),
      host: endpoint.hostHeader,
      userAgent: `Docker-Client/${version} (linux)`,
      headers: { ...configuredHeaders(config), ...customHeaders() },
      ...(apiVersion && { apiVersion }),
    });
  }
}

function mayStart(daemon: DaemonAddress, error: ConnectionError): boolean {
  return daemon.isDefault && (error.code === "ENOENT" || error.code === "ECONNREFUSED") && process.getuid?.() === 0;
}

/** What frames a message is ours to say, whatever the file holds; so Docker's client does. */
const framing = new Set(["host", "connection", "content-length", "transfer-encoding", "trailer"]);

/** `HttpHeaders` of config.json; throws for a name or value that HTTP has no place for. */
export function configuredHeaders({ HttpHeaders = {} }: Pick<ConfigFile, "HttpHeaders">): Record<string, string> {
  for (const [name, value] of Object.entries(HttpHeaders)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      throw new Error(`net/http: invalid header field name ${JSON.stringify(name)}`);
    if (/[\0\r\n]/.test(value)) throw new Error(`net/http: invalid header field value for ${JSON.stringify(name)}`);
  }
  return Object.fromEntries(Object.entries(HttpHeaders).filter(([name]) => !framing.has(name.toLowerCase())));
}

/** DOCKER_CUSTOM_HEADERS: `name=value`, comma separated. */
function customHeaders(): Record<string, string> {
  const text = process.env.DOCKER_CUSTOM_HEADERS;
  if (!text) return {};
  const pairs = text.split(",").map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair.trim(), ""] : [pair.slice(0, at).trim(), pair.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
