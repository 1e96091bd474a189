/** Environment variables and labels from flags and files. */
import { FileError, readBytes } from "../text-file.ts";

/** Lines of an env file, comments and empty lines left out; throws naming the file and line. */
export async function readEnvFile(path: string, lookUp: (name: string) => string | undefined): Promise<string[]> {
  const text = (await readLines(path)).replace(/^\uFEFF/, "");
  const lines: string[] = [];
  for (const raw of text.split("\n")) {
    const line = raw.replace(/\r$/, "").replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    const name = at < 0 ? line : line.slice(0, at);
    if (/[ \t]/.test(name)) throw new Error(`invalid env file (${path}): variable '${name}' contains whitespaces`);
    if (name === "") throw new Error(`invalid env file (${path}): no variable name on line '${raw}'`);
    const found = at < 0 ? lookUp(name) : undefined;
    if (at >= 0) lines.push(line);
    else if (found !== undefined) lines.push(`${name}=${found}`);
  }
  return lines;
}

async function readLines(path: string): Promise<string> {
  try {
    return decode(await readBytes(path));
  } catch (error) {
    if (error instanceof FileError && error.operation === "open") throw error;
    if (!(error instanceof Error)) throw error;
    throw new Error(`invalid env file (${path}): ${error.message}`);
  }
}

/** A byte that is no UTF-8 would become another character in silence. */
function decode(bytes: Buffer): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let line = 1, from = 0; from < bytes.length; line++) {
    const at = bytes.indexOf(10, from);
    const end = at < 0 ? bytes.length : at;
    const part = bytes.subarray(from, end);
    try {
      decoder.decode(part);
    } catch {
      throw new Error(`invalid utf8 bytes at line ${line}: [${[...part].join(" ")}]`);
    }
    from = end + 1;
  }
  return bytes.toString("utf8");
}

/** The environment of a process: files first, then flags; a name alone takes our own value, if there is one. */
export async function readEnvironment(files: readonly string[], given: readonly string[]): Promise<string[]> {
  const variables: string[] = [];
  const lookUp = (name: string): string | undefined => process.env[name];
  for (const path of files) variables.push(...(await readEnvFile(path, lookUp)));
  const byName = new Map<string, string>();
  for (const variable of given) {
    const [name = ""] = variable.split("=", 1);
    const value = variable.includes("=") ? undefined : lookUp(variable);
    // A name without a value anywhere is passed on, so that the image's value is removed.
    byName.set(name, value === undefined ? variable : `${variable}=${value}`);
  }
  return [...variables, ...byName.values()];
}

/** Labels of files and flags as a map. */
export async function readLabels(files: readonly string[], given: readonly string[]): Promise<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const path of files) for (const line of await readEnvFile(path, () => undefined)) addPair(labels, line);
  for (const label of given) addPair(labels, label);
  return labels;
}

/** Adds `key=value` to a map. */
export function addPair(map: Record<string, string>, text: string): void {
  const at = text.indexOf("=");
  map[at < 0 ? text : text.slice(0, at)] = at < 0 ? "" : text.slice(at + 1);
}
