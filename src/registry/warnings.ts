/**
 * What a registry wants its users to know: `Warning: 299 - "text"` headers (distribution-spec, "Warnings"). They come from outside:
 * bounded, and without what would steer a terminal.
 */

/** Told once for each text of one registry. */
export type WarningSink = (text: string) => void;

const maxTexts = 10;
/** Characters of one header, as the specification bounds it. */
const maxHeader = 4096;

/** The texts of a header's value, which several headers are joined in; what another agent says, or another code, is not for users. */
export function warningTexts(header: string | null): string[] {
  const texts: string[] = [];
  for (const [, code, agent, quoted = ""] of (header ?? "").slice(0, maxHeader).matchAll(pattern)) {
    const text = quoted
      .replace(/\\(.)/g, "$1")
      .replace(/[\p{Cc}\p{Cf}]/gu, "?")
      .trim();
    if (code === "299" && agent === "-" && text !== "" && !texts.includes(text)) texts.push(text);
  }
  return texts.slice(0, maxTexts);
}

/** code, agent, quoted text, and perhaps a date (RFC 7234, 5.5). */
const pattern = /(\d{3}) (\S+) "((?:[^"\\]|\\.)*)"(?: "[^"]*")?/g;

/** A sink for headers that hands every new text on, {@link maxTexts} at most. */
export function warnOnce(sink: WarningSink): (header: string | null) => void {
  const told = new Set<string>();
  return (header) => {
    for (const text of warningTexts(header)) {
      if (told.has(text) || told.size >= maxTexts) continue;
      told.add(text);
      sink(text);
    }
  };
}
