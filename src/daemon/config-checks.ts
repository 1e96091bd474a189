/** What no engine could use is refused at the daemon's start, in dockerd's words. */
import { messageOf } from "../lib/errors.ts";
import { checkLogConfig, isLogDriver } from "../logs/drivers.ts";
import { isBadPrefix } from "../registry/insecure.ts";
import { splitMirror } from "../registry/mirrors.ts";

/** A prefix that no address can have would otherwise be found out by a pull. */
export function checkInsecure(entries: readonly string[]): readonly string[] {
  for (const entry of entries) {
    if (entry.includes("://")) throw new Error(`insecure registry ${entry} should not contain '://'`);
    if (isBadPrefix(entry)) throw new Error(`insecure registry ${JSON.stringify(entry)} is not valid`);
  }
  return entries;
}

export function checkMirrors(entries: readonly string[]): readonly string[] {
  for (const entry of entries) {
    const why = badMirror(splitMirror(entry).url);
    if (why) throw new Error(`invalid mirror: ${why}`);
  }
  return entries;
}

/** Why the address cannot be a mirror's; a password in it is not repeated. */
function badMirror(entry: string): string | null {
  const schemes = "must use either 'https://' or 'http://'";
  const quoted = JSON.stringify(entry.replace(/\/\/([^/@:]*)(:[^/@]*)?@/, "//$1:xxxxx@"));
  const scheme = /^([A-Za-z][\w+.-]*):\/\//.exec(entry)?.[1];
  if (scheme === undefined) return `no scheme specified for ${quoted}: ${schemes}`;
  if (!/^https?$/i.test(scheme)) return `unsupported scheme "${scheme}" in ${quoted}: ${schemes}`;
  if (!URL.canParse(entry)) return `${quoted} is not a valid URI`;
  const { username, search, hash } = new URL(entry);
  if (search !== "" || hash !== "") return `query or fragment at end of the URI ${quoted}`;
  return username === "" ? null : `username/password not allowed in URI ${quoted}`;
}

/** One value per key; the same label twice is one. */
export function checkLabels(labels: readonly string[]): readonly string[] {
  const byKey = new Map<string, string>();
  for (const label of new Set(labels)) {
    if (!/^[^=]+=/.test(label)) throw new Error(`bad attribute format: ${label}`);
    const key = label.slice(0, label.indexOf("="));
    const other = byKey.get(key);
    if (other !== undefined) throw new Error(`conflict labels for ${label} and ${other}`);
    byKey.set(key, label);
  }
  return [...byKey.values()];
}

export function checkLogDriver(name: string): string {
  if (!isLogDriver(name)) throw new Error(`logger: no log driver named '${name}' is registered`);
  return name;
}

export function checkLogOptions(
  driver: string,
  options: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  try {
    checkLogConfig({ Type: driver, Config: { ...options } });
    return options;
  } catch (error) {
    throw new Error(`failed to set log opts: ${messageOf(error)}`);
  }
}
