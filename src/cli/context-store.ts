/** Named endpoints in `~/.docker/contexts`, in the layout Docker's client uses. */
import { readdir, rm } from "node:fs/promises";
import { messageOf } from "../lib/errors.ts";

/** The `meta.json` of one context. */
export interface ContextMeta {
  Name: string;
  Metadata: { Description?: string; [other: string]: unknown };
  Endpoints: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
}

/** TLS texts of a context's docker endpoint. */
export interface ContextTls {
  ca?: string;
  cert?: string;
  key?: string;
}

/** The name of a context's directory: the SHA-256 of its name. */
export function contextId(name: string): string {
  return new Bun.CryptoHasher("sha256").update(name).digest("hex");
}

/** Where a context's metadata and TLS files are. */
export function contextPaths(configDir: string, name: string): { meta: string; tls: string } {
  const id = contextId(name);
  return { meta: `${configDir}/contexts/meta/${id}`, tls: `${configDir}/contexts/tls/${id}` };
}

/** The names that contexts may have, as Docker's client has it. */
const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/;

/** Refuses a name that no stored context has, in Docker's words. */
export function checkContextName(name: string): void {
  if (name === "") throw new Error("context name cannot be empty");
  if (name === "default") throw new Error('"default" is a reserved context name');
  if (validName.test(name)) return;
  throw new Error(
    `context name ${JSON.stringify(name)} is invalid, names are validated against regexp ${JSON.stringify(validName.source)}`,
  );
}

/** Refuses a name under which no new context can be stored. */
export async function refuseContextName(configDir: string, name: string): Promise<void> {
  checkContextName(name);
  if (await contextExists(configDir, name)) throw new Error(`context ${JSON.stringify(name)} already exists`);
}

export function contextExists(configDir: string, name: string): Promise<boolean> {
  return Bun.file(`${contextPaths(configDir, name).meta}/meta.json`).exists();
}

/** Reads one context; throws in Docker's words when there is none. */
export async function readContext(configDir: string, name: string): Promise<ContextMeta> {
  const path = `${contextPaths(configDir, name).meta}/meta.json`;
  const file = Bun.file(path);
  if (!(await file.exists())) {
    throw new Error(`context ${JSON.stringify(name)}: context not found: open ${path}: no such file or directory`);
  }
  try {
    return await readMeta(path);
  } catch (error) {
    throw new Error(`context ${JSON.stringify(name)}: ${messageOf(error)}`, { cause: error });
  }
}

async function readMeta(path: string): Promise<ContextMeta> {
  const text = await Bun.file(path).text();
  try {
    const meta: unknown = JSON.parse(text);
    if (typeof meta !== "object" || meta === null) throw new Error("not an object");
    return { Name: "", Metadata: {}, Endpoints: {}, ...meta };
  } catch (error) {
    const reason = /Unexpected EOF|Unterminated|Expected '}'/.test(messageOf(error))
      ? "unexpected end of JSON input"
      : messageOf(error);
    throw new Error(`parsing ${path}: ${reason}`, { cause: error });
  }
}

/** The names of a context's TLS files, as inspect shows them. */
export function tlsFileNames(tls: ContextTls): string[] {
  return (["ca", "cert", "key"] as const).filter((part) => tls[part]).map((part) => `${part}.pem`);
}

export async function readContextTls(configDir: string, name: string): Promise<ContextTls> {
  const directory = `${contextPaths(configDir, name).tls}/docker`;
  const tls: ContextTls = {};
  for (const part of ["ca", "cert", "key"] as const) {
    const file = Bun.file(`${directory}/${part}.pem`);
    if (await file.exists()) tls[part] = await file.text();
  }
  return tls;
}

/** All stored contexts by name, sorted, and why others could not be read; `default` is not among them. */
export async function listContexts(configDir: string): Promise<{ contexts: ContextMeta[]; failures: string[] }> {
  const directory = `${configDir}/contexts/meta`;
  const ids = await readdir(directory).catch(() => [] as string[]);
  const contexts: ContextMeta[] = [];
  const failures: string[] = [];
  for (const id of ids) {
    const path = `${directory}/${id}/meta.json`;
    if (!(await Bun.file(path).exists())) continue;
    try {
      contexts.push(await readMeta(path));
    } catch (error) {
      failures.push(`failed to read metadata: ${messageOf(error)}`);
    }
  }
  return { contexts: contexts.sort((a, b) => (a.Name < b.Name ? -1 : 1)), failures };
}

/** Stores a context whole, replacing one of that name. */
export async function writeContext(configDir: string, meta: ContextMeta, tls: ContextTls): Promise<void> {
  const { mkdir, writeFile } = await import("node:fs/promises");
  const paths = contextPaths(configDir, meta.Name);
  await mkdir(paths.meta, { recursive: true });
  await writeFile(`${paths.meta}/meta.json`, JSON.stringify(meta));
  await rm(paths.tls, { recursive: true, force: true });
  for (const [part, text] of Object.entries(tls)) {
    if (!text) continue;
    await mkdir(`${paths.tls}/docker`, { recursive: true, mode: 0o700 });
    await writeFile(`${paths.tls}/docker/${part}.pem`, text, { mode: 0o600 });
  }
}

export async function removeContext(configDir: string, name: string): Promise<void> {
  const paths = contextPaths(configDir, name);
  await rm(paths.meta, { recursive: true, force: true });
  await rm(paths.tls, { recursive: true, force: true });
}
