/** What a build leaves beside its output: the image's ID, and facts about it in files. */
import { writeFile } from "node:fs/promises";
import { messageOf } from "../../lib/errors.ts";
import { ExitError } from "../command.ts";

export type ExporterResponse = ReadonlyMap<string, string>;

/** The ID as `build -q` prints it. */
export const imageId = (response: ExporterResponse): string =>
  response.get("containerimage.config.digest") || response.get("containerimage.digest") || "";

/** What exporters told, values that are JSON as such; some come in base64. */
export function metadataOf(response: ExporterResponse, ref: string): Record<string, unknown> {
  const entries = [...response, ["buildx.build.ref", `default/default/${ref}`] as const]
    .filter(([name]) => name !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, text]) => [name, jsonOrText(text)]));
}

function jsonOrText(text: string): unknown {
  for (const candidate of [text, /^[A-Za-z0-9+/]+=*$/.test(text) ? Buffer.from(text, "base64").toString() : ""]) {
    if (!/^\s*[{[]/.test(candidate)) continue;
    try {
      return JSON.parse(candidate) as unknown;
    } catch {
      // A text that only looks like it.
    }
  }
  return text;
}

export async function writeResult(path: string, text: string, what: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    const reason = messageOf(error).replace(/^\w+: (.*?), open .*$/, "$1");
    throw new ExitError(1, `ERROR: writing ${what}: open ${path}: ${reason}`);
  }
}
