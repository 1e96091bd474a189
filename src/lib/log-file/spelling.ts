/** How an entry is spelled, as Docker's json-file writer does. */

/** As Docker writes them: sorted, between the stream and the time. */
export function renderAttrs(attrs: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return "";
  return `,"attrs":{${pairs.map(([key, value]) => `${quote(key)}:${quote(value)}`).join(",")}}`;
}

const special = /[<>&\u2028\u2029\t\b\f]/;

/** A JSON string spelled as Docker's writer does: HTML's characters and most controls by number. */
export function quote(text: string): string {
  const json = JSON.stringify(text);
  if (!special.test(text)) return json;
  return json.replace(/\\(.)|[<>&\u2028\u2029]/g, (found, letter: string | undefined) => {
    if (letter === "t") return "\\u0009";
    if (letter === "b") return "\\u0008";
    if (letter === "f") return "\\u000c";
    if (letter !== undefined) return found;
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
