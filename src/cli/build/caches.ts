/** `--cache-from` and `--cache-to`. */
import { existsSync } from "node:fs";
import { ExitError } from "../command.ts";
import { csvOf, fieldsOf } from "./fields.ts";

/** A place from which cache is taken or to which it goes. */
export interface CachePlace {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** A word without `=` is an image's name. */
export function readCache(text: string, direction: "from" | "to"): CachePlace[] {
  const what = `cache-${direction} ${JSON.stringify(text)}`;
  const fields = csvOf(text, `invalid ${what}`);
  if (fields.every((field) => !field.includes("="))) return fields.map((ref) => ({ type: "registry", attrs: { ref } }));
  const { type = "", ...attrs } = Object.fromEntries(fieldsOf(text, what));
  return [cacheOf({ type, ...attrs }, direction)];
}

/** A place from its fields, `type` among them. */
export function cacheOf(fields: Readonly<Record<string, string>>, direction: "from" | "to"): CachePlace {
  const { type = "", ...attrs } = fields;
  if (type === "") throw new ExitError(1, `type required form> ${JSON.stringify(csvText(fields))}`);
  if (type === "registry" && (attrs.ref ?? "") === "")
    throw new ExitError(1, `registry cache ${direction} requires ref`);
  if (type === "local") checkLocal(attrs, direction);
  return { type, attrs };
}

const csvText = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");

function checkLocal(attrs: Readonly<Record<string, string>>, direction: "from" | "to"): void {
  const name = direction === "from" ? "src" : "dest";
  const path = attrs[name] ?? "";
  if (path === "")
    throw new ExitError(1, `local cache ${direction === "from" ? "importer" : "exporter"} requires ${name}`);
  if (direction === "from" && !existsSync(path)) throw new ExitError(1, `could not find local cache directory ${path}`);
}
