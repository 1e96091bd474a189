import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The identity of the engine on this data root, made once; `ID` of `/info`. */
export function engineId(dataRoot: string): string {
  const path = join(dataRoot, "engine-id");
  if (existsSync(path)) {
    const known = readFileSync(path, "utf8").trim();
    if (/^[0-9a-f-]{36}$/.test(known)) return known;
  }
  const id = randomUUID();
  writeFileSync(path, `${id}\n`, { mode: 0o600 });
  return id;
}
