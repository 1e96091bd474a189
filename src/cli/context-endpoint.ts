/** Endpoints of contexts: `--docker host=...,ca=...,cert=...,key=...,skip-tls-verify=true`, and that of the context `default`. */
import { parseEndpoint } from "../client/endpoint.ts";
import { messageOf } from "../lib/errors.ts";
import { splitPair } from "../lib/flags.ts";
import { parseBool } from "../lib/flags-numbers.ts";
import type { Cli } from "./cli.ts";
import { type ContextMeta, type ContextTls, readContext, readContextTls } from "./context-store.ts";
import { defaultHost, flagTls } from "./daemon-address.ts";
import { readTextFile } from "./text-file.ts";
import { checkTls } from "./tls-check.ts";

export interface StoredContext {
  readonly meta: ContextMeta;
  readonly tls: ContextTls;
}

/** What `default` is described as where it stands among others. */
export const defaultDescription = "Current DOCKER_HOST based configuration";

/** A context with its TLS texts; `default` is made of flags and environment. */
export async function contextOf(cli: Cli, name: string): Promise<StoredContext> {
  if (name !== "default") {
    return { meta: await readContext(cli.configDir, name), tls: await readContextTls(cli.configDir, name) };
  }
  const secure = await flagTls(cli.globals, cli.configDir);
  const { verify = true, ...tls } = secure ?? {};
  const docker = { Host: defaultHost(cli.globals, cli.name, secure !== undefined), SkipTLSVerify: !verify };
  return { meta: { Name: name, Metadata: { Description: defaultDescription }, Endpoints: { docker } }, tls };
}

export interface ContextEndpoint {
  readonly docker: NonNullable<ContextMeta["Endpoints"]["docker"]>;
  readonly tls: ContextTls;
}

const keys: readonly string[] = ["from", "host", "ca", "cert", "key", "skip-tls-verify"];

/** Reads the endpoint's fields and the files they name; one that no client could use is refused in Docker's words. */
export async function readEndpoint(cli: Cli, given: Readonly<Record<string, string>>): Promise<ContextEndpoint> {
  try {
    const unknown = Object.keys(given).filter((key) => !keys.includes(key));
    if (unknown.length > 0) throw new Error(unknown.map((key) => `unrecognized config key: ${key}`).join("\n"));
    if (given.from !== undefined) return await endpointOf(cli, given.from);
    const tls: ContextTls = {};
    for (const part of ["ca", "cert", "key"] as const) {
      const path = given[part];
      if (path) tls[part] = await readTextFile(path);
    }
    const SkipTLSVerify = truth(given["skip-tls-verify"]);
    checkHost(given.host ?? "");
    await checkTls(tls).catch((error: unknown) => {
      throw new Error(`invalid docker endpoint options: ${messageOf(error)}`, { cause: error });
    });
    return { docker: { ...(given.host && { Host: given.host }), SkipTLSVerify }, tls };
  } catch (error) {
    throw new Error(`unable to create docker endpoint config: ${messageOf(error)}`, { cause: error });
  }
}

async function endpointOf(cli: Cli, name: string): Promise<ContextEndpoint> {
  const { meta, tls } = await contextOf(cli, name);
  const { docker } = meta.Endpoints;
  if (!docker) throw new Error(`unable to get endpoint from context ${JSON.stringify(name)}`);
  return { docker, tls };
}

function truth(text: string | undefined): boolean {
  if (text === undefined) return false;
  try {
    return parseBool(text);
  } catch {
    throw new Error(`skip-tls-verify: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
}

function checkHost(host: string): void {
  if (host === "") return;
  if (host.startsWith("ssh://")) {
    try {
      parseEndpoint(host);
    } catch (error) {
      throw new Error(`invalid docker endpoint options: ${messageOf(error)}`);
    }
  } else if (!/^.*?:\/\/./s.test(host)) {
    throw new Error(`unable to apply docker endpoint options: unable to parse docker host \`${host}\``);
  }
}

/** Cuts `a=b,c=d` into a map, adding to what is there. */
export function addFields(text: string, previous: Record<string, string>): Record<string, string> {
  const fields = text.split(",");
  for (const field of fields) if (!field.includes("=")) throw new Error(`${field} must be formatted as key=value`);
  return { ...previous, ...Object.fromEntries(fields.map((field) => splitPair(field))) };
}
