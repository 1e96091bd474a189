/** `--annotation [level:]key=value` as attributes of exporters. */
import { ExitError } from "../command.ts";
import { csvOf } from "./fields.ts";

const levels = ["manifest", "index", "manifest-descriptor", "index-descriptor"];

/** `annotation-index[linux/amd64].org.example` and the like, as BuildKit's exporters take them. */
export function annotationAttributes(annotations: readonly string[]): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const text of annotations) {
    const at = text.indexOf("=");
    if (at < 0)
      throw new ExitError(1, `parse annotations: invalid annotation ${JSON.stringify(text)}, expected key=value`);
    const value = text.slice(at + 1);
    const { kinds, key } = readKey(text.slice(0, at));
    if (key === "")
      throw new ExitError(1, `parse annotations: invalid annotation ${JSON.stringify(text)}: the key is empty`);
    for (const kind of kinds) attributes[`annotation${kind}.${key}`] = value;
  }
  return attributes;
}

/** Only a colon behind known levels sets them off; keys may have colons of their own. */
function readKey(text: string): { kinds: readonly string[]; key: string } {
  const at = text.indexOf(":");
  const words = at < 0 ? [] : csvOf(text.slice(0, at), "parse annotations").map(readLevel);
  if (words.length === 0 || words.includes(null)) return { kinds: [""], key: text };
  return { kinds: words as string[], key: text.slice(at + 1) };
}

function readLevel(word: string): string | null {
  const [, level = "", platform = ""] = /^([a-z-]+)(\[[^\]]*\])?$/.exec(word) ?? [];
  return levels.includes(level) ? `-${level}${platform}` : null;
}
