/**
 * JSON as text, laid out anew without being parsed: numbers, escapes and the order of keys stay as somebody wrote them. The layouts are
 * those of Go's encoding/json (Indent, Compact), whose output Docker's users know.
 */

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Valid JSON with a line for each member, `indent` for each level. */
export function indentJson(text: string, indent: string): string {
  let out = "";
  let depth = 0;
  let opened = false;
  const newLine = (): string => `\n${indent.repeat(depth)}`;
  for (const [token] of text.matchAll(tokens)) {
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    // What holds nothing stays on its line.
    if (opened !== closes) out += newLine();
    opened = token === "{" || token === "[";
    if (opened) depth++;
    out += token === ":" ? ": " : token;
    if (token === ",") out += newLine();
  }
  return out;
}

/** Valid JSON without white space, and without what a web page could take for markup. */
export function compactJson(text: string): string {
  return escapeMarkup(text.match(tokens)?.join("") ?? "");
}

/** A value as Go marshals it, where JSON.stringify has nothing to leave out. */
export function goJson(value: unknown, indent?: string | number): string {
  return escapeMarkup(JSON.stringify(value, null, indent));
}

/** `<`, `>`, `&` and the two line separators of Unicode as escapes, as Go writes them in strings; nothing else of JSON has them. */
export function escapeMarkup(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
