/** Named endpoints in `~/.docker/contexts`, in the layout Docker's client uses. */
import { readdir, rm } from "node:fs/promises";

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

/** Reads one context; throws in Docker's words when there is none. */
export async function readContext(configDir: string, name: string): Promise<ContextMeta> {
  const path = `${contextPaths(configDir, name).meta}/meta.json`;
  const file = Bun.file(path);
  if (!(await file.exists())) {
    throw new Error(`context ${JSON.stringify(name)}: context not found: open ${path}: no such file or directory`);
  }
  return (await file.json()) as ContextMeta;
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

/** All stored contexts by name, sorted; `default` is not among them. */
export async function listContexts(configDir: string): Promise<ContextMeta[]> {
  const directory = `${configDir}/contexts/meta`;
  const ids = await readdir(directory).catch(() => [] as string[]);
  const found: ContextMeta[] = [];
  for (const id of ids) {
    const file = Bun.file(`${directory}/${id}/meta.json`);
    if (await file.exists()) found.push((await file.json()) as ContextMeta);
  }
  return found.sort((a, b) => (a.Name < b.Name ? -1 : 1));
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
