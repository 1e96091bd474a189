/** Which daemon a command speaks to: -H, --context, DOCKER_HOST, DOCKER_CONTEXT, the current context, the default. */
import type { ConfigFile } from "./config-file.ts";
import type { GlobalFlags } from "./globals.ts";

/** A daemon as chosen, before a connection is tried. */
export interface DaemonAddress {
  readonly address: string;
  /** The context's name, `default` when none is in play. */
  readonly context: string;
  /** True when nobody chose: only then may a daemon be started. */
  readonly isDefault: boolean;
  readonly tls?: { ca?: string; cert?: string; key?: string; verify: boolean };
}

/** The socket of a daemon nobody named: ours (DHOW_SOCKET moves it), or Docker's when we are called `docker`. */
export function defaultAddress(calledAs: string): string {
  return calledAs === "docker"
    ? "unix:///var/run/docker.sock"
    : `unix://${process.env.DHOW_SOCKET || "/run/dhow.sock"}`;
}

/** The name of the context in force. */
export function contextName(globals: GlobalFlags, config: ConfigFile): string {
  if (globals.host.length > 0) return "default";
  if (globals.context) return globals.context;
  if (process.env.DOCKER_HOST) return "default";
  return process.env.DOCKER_CONTEXT || config.currentContext || "default";
}

/** Chooses the daemon; throws when the context does not exist or several hosts were given. */
export async function chooseDaemon(
  globals: GlobalFlags,
  config: ConfigFile,
  configDir: string,
  calledAs: string,
): Promise<DaemonAddress> {
  if (globals.host.length > 1) throw new Error("Specify only one -H");
  const context = contextName(globals, config);
  if (context === "default") {
    const tls = await flagTls(globals, configDir);
    const isDefault = tls === undefined && chosenHost(globals) === "";
    return { address: defaultHost(globals, calledAs, tls !== undefined), context, isDefault, ...(tls && { tls }) };
  }
  const { readContext, readContextTls } = await import("./context-store.ts");
  const meta = await readContext(configDir, context);
  const endpoint = meta.Endpoints.docker;
  if (!endpoint) throw new Error(`context ${JSON.stringify(context)}: no docker endpoint`);
  const stored = await readContextTls(configDir, context);
  const tls =
    stored.ca || stored.cert || endpoint.SkipTLSVerify ? { ...stored, verify: !endpoint.SkipTLSVerify } : undefined;
  return { address: endpoint.Host || defaultAddress(calledAs), context, isDefault: false, ...(tls && { tls }) };
}

const chosenHost = (globals: GlobalFlags): string => globals.host[0] ?? process.env.DOCKER_HOST ?? "";

/** The host of the context `default`. */
export function defaultHost(globals: GlobalFlags, calledAs: string, secure: boolean): string {
  return chosenHost(globals) || (secure ? "tcp://localhost:2376" : defaultAddress(calledAs));
}

/**
 * The TLS texts of the context `default`, undefined without TLS: from the files that flags name, else from those beside
 * config.json (DOCKER_CERT_PATH moves them), where the client's certificate and key may be absent.
 */
export async function flagTls(globals: GlobalFlags, configDir: string): Promise<DaemonAddress["tls"]> {
  const verify = globals.tlsverify || Boolean(process.env.DOCKER_TLS_VERIFY);
  if (!verify && !globals.tls && !process.env.DOCKER_TLS) return undefined;
  const directory = process.env.DOCKER_CERT_PATH || configDir;
  const { readTextFile } = await import("./text-file.ts");
  const optional = async (given: string, name: string): Promise<string | undefined> => {
    const path = given || `${directory}/${name}`;
    return given || (await Bun.file(path).exists()) ? readTextFile(path) : undefined;
  };
  const ca = await readTextFile(globals.tlscacert || `${directory}/ca.pem`);
  const cert = await optional(globals.tlscert, "cert.pem");
  const key = await optional(globals.tlskey, "key.pem");
  return { verify, ca, ...(cert && { cert }), ...(key && { key }) };
}

/** What context commands say when DOCKER_HOST makes them moot. */
export function hostWarning(context: string): string {
  return `Warning: DOCKER_HOST environment variable overrides the active context. To use ${context}, either set the global --context flag, or unset DOCKER_HOST environment variable.`;
}
