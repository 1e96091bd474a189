/** `--secret`: a value from a file or a variable of ours, which the engine shows the container as a file. */
import type { Secret } from "../../api/host-config.ts";
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { splitFields, splitPair } from "../../lib/flags.ts";
import { FileError } from "../text-file.ts";

/** Swarm's limit, in bytes; a secret must be smaller. */
const maxSize = 500 * 1024;

export interface SecretSpec {
  readonly secret: Secret;
  readonly source: { readonly file: string } | { readonly env: string };
}

/** Parses one `--secret` value; throws with the reason. */
export function parseSecret(text: string): SecretSpec {
  const given = new Map<string, string>();
  for (const field of splitFields(text)) {
    const [rawKey, value] = splitPair(field);
    const key = rawKey.toLowerCase() === "source" ? "src" : rawKey.toLowerCase();
    if (!field.includes("=")) throw new Error(`invalid field '${field}' must be a key=value pair`);
    if (!keys.has(key)) throw new Error(`unexpected key '${rawKey}' in '${field}'`);
    if (value === "") throw new Error(`invalid value for ${rawKey}: it is empty`);
    if (given.has(key)) throw new Error(`'${rawKey}' is given twice in '${text}'`);
    given.set(key, value);
  }
  const [id, file, env] = [given.get("id"), given.get("src"), given.get("env")];
  if (id === undefined) throw new Error(`invalid secret '${text}': id is required`);
  if (id.includes("/")) throw new Error(`invalid secret id '${id}': it must not contain '/'`);
  if (file !== undefined && env !== undefined) throw new Error(`secret ${id}: src and env exclude each other`);
  const source = file !== undefined ? { file } : env !== undefined ? { env } : undefined;
  if (source === undefined) throw new Error(`secret ${id}: src or env is required`);
  const mode = given.get("mode");
  if (mode !== undefined && !/^(0o)?[0-7]{1,4}$/.test(mode)) throw new Error(`secret ${id}: invalid mode: '${mode}'`);
  return {
    source,
    secret: {
      Name: id,
      Target: given.get("target") ?? id,
      UID: number(id, "uid", given.get("uid")),
      GID: number(id, "gid", given.get("gid")),
      Mode: mode === undefined ? 0o444 : Number.parseInt(mode.replace("0o", ""), 8),
    },
  };
}

const keys = new Set(["id", "src", "env", "target", "mode", "uid", "gid"]);

function number(id: string, key: string, text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^[0-9]{1,10}$/.test(text)) throw new Error(`secret ${id}: invalid ${key}: '${text}' is not a number`);
  return Number(text);
}

/** The secret as it is sent, with its value. */
export async function readSecret(text: string): Promise<Secret> {
  const { secret, source } = parseSecret(text);
  const data = "file" in source ? await readValue(source.file) : variable(secret.Name, source.env);
  if (data.length === 0 || data.length >= maxSize) {
    throw new Error(`secret ${secret.Name}: secret data must be larger than 0 and less than ${maxSize} bytes`);
  }
  return { ...secret, Data: data.toString("base64") };
}

function variable(id: string, name: string): Buffer {
  const value = process.env[name];
  if (value === undefined) throw new Error(`secret ${id}: environment variable '${name}' is not set`);
  return Buffer.from(value);
}

/** A file's bytes, not many more than are allowed; a pipe of the shell's is read like any other. */
async function readValue(path: string): Promise<Buffer> {
  const { open } = await import("node:fs/promises");
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new FileError("open", path, cause);
  });
  try {
    const pieces: Buffer[] = [];
    for (let size = 0; size < maxSize; ) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(1 << 16), 0, 1 << 16, null);
      if (bytesRead === 0) break;
      pieces.push(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
    return Buffer.concat(pieces);
  } catch (cause) {
    throw new FileError("read", path, cause);
  } finally {
    await file.close();
  }
}

/** Another engine would ignore the secrets, and may log them: it does not get to see them. */
export async function requireSecrets(client: Client): Promise<void> {
  const server = (await client.head(to(paths.pingHead))).get("server") ?? "";
  if (server.startsWith("dhow/")) return;
  throw new Error(`--secret needs dhow's engine: this one is ${server || "another"}`);
}
