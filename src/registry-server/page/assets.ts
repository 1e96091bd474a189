/**
 * Runs while dhow is built (a macro of Bun's bundler): what it answers stands in the binary as a constant. Modules lose their types, and
 * keep their names and imports, so that the browser asks for each of them as it stands here.
 */
import { readFileSync } from "node:fs";

/** The text of a file of `browser/`, ready to be sent. */
export function asset(name: string): string {
  const text = readFileSync(new URL(`./browser/${name}`, import.meta.url), "utf8");
  if (!name.endsWith(".ts")) return text;
  return new Bun.Transpiler({ loader: "ts", target: "browser", minifyWhitespace: true }).transformSync(text);
}
