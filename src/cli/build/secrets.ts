/** `--secret`: values that RUN may see, from files and from the environment. */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { messageOf } from "../../lib/errors.ts";
import { ExitError } from "../command.ts";
import { csvOf } from "./fields.ts";

/** Where a secret's value is. */
export interface BuildSecret {
  readonly id: string;
  readonly from: { readonly file: string } | { readonly env: string };
}

/** As buildkitd takes them at most. */
const mostBytes = 500 * 1024;

export function readSecret(text: string): BuildSecret {
  const fields: Record<string, string> = {};
  for (const field of csvOf(text, `invalid secret ${JSON.stringify(text)}`)) {
    const at = field.indexOf("=");
    if (at < 0) throw new ExitError(1, `invalid field '${field}' must be a key=value pair`);
    const name = field.slice(0, at).toLowerCase();
    if (!["type", "id", "source", "src", "env"].includes(name))
      throw new ExitError(1, `unexpected key '${name}' in '${field}'`);
    fields[name] = field.slice(at + 1);
  }
  return secretOf(fields);
}

/** A secret from its fields; without a source, the variable of the environment of that name, else the file. */
export function secretOf(fields: Readonly<Record<string, string>>): BuildSecret {
  const { type = "", env = "" } = fields;
  const source = fields.src || fields.source || "";
  if (type !== "" && type !== "file" && type !== "env")
    throw new ExitError(1, `unsupported secret type ${JSON.stringify(type)}`);
  const id = fields.id || (source === "" ? env : basename(source));
  if (id === "") throw new ExitError(1, "secret missing ID");
  if (env !== "") return { id, from: { env } };
  if (source !== "") return { id, from: type === "env" ? { env: source } : { file: source } };
  return { id, from: type !== "file" && process.env[id] !== undefined ? { env: id } : { file: id } };
}

/** Exits where a secret's file is not there or is too big, before anything is built. */
export function checkSecrets(secrets: readonly BuildSecret[]): void {
  const seen = new Set<string>();
  for (const { id, from } of secrets) {
    if (seen.has(id)) throw new ExitError(1, `duplicate secret ${JSON.stringify(id)}`);
    seen.add(id);
    if ("env" in from) {
      if (process.env[from.env] === undefined)
        throw new ExitError(
          1,
          `secret ${JSON.stringify(id)}: environment variable ${JSON.stringify(from.env)} is not set`,
        );
      continue;
    }
    const stat = statSync(from.file, { throwIfNoEntry: false });
    if (!stat) throw new ExitError(1, `failed to stat ${from.file}: stat ${from.file}: no such file or directory`);
    if (stat.size > mostBytes)
      throw new ExitError(
        1,
        `secret ${JSON.stringify(id)}: ${from.file} has ${stat.size} bytes, at most ${mostBytes} are possible`,
      );
  }
}

/** The value of a secret, read when the builder asks for it; null for one that was not given. */
export function secretValue(secrets: readonly BuildSecret[], id: string): Uint8Array | null {
  const secret = secrets.find((each) => each.id === id);
  if (!secret) return null;
  const { from } = secret;
  if ("env" in from) return Buffer.from(process.env[from.env] ?? "");
  try {
    return readFileSync(from.file);
  } catch (error) {
    throw new Error(`secret ${id}: ${messageOf(error)}`, { cause: error });
  }
}
