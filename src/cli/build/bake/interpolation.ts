/** `$NAME`, `${NAME}` and its operators in the texts of a Compose file. */
import { HclError } from "../hcl/expression.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The document with every text filled in; keys stay as they are. */
export function interpolated(value: unknown, environment: Environment): unknown {
  if (typeof value === "string") return filledIn(value, environment);
  if (Array.isArray(value)) return value.map((each) => interpolated(each, environment));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, interpolated(each, environment)]));
}

const deepest = 50;

function filledIn(text: string, environment: Environment, depth = 0): string {
  if (depth > deepest) throw new HclError("variables are nested too deep");
  let result = "";
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    if (rest.startsWith("$$")) {
      result += "$";
      at += 2;
    } else if (rest.startsWith("${")) {
      const end = closing(text, at + 2);
      result += replacement(text.slice(at + 2, end), environment, depth);
      at = end + 1;
    } else if (/^\$[A-Za-z_]/.test(rest)) {
      const name = /^\$(\w+)/.exec(rest)?.[1] ?? "";
      result += environment[name] ?? "";
      at += name.length + 1;
    } else result += text[at++];
  }
  return result;
}

/** Where the brace that was opened before `start` closes. */
function closing(text: string, start: number): number {
  let open = 1;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith("${", at)) open++;
    else if (text[at] === "}" && --open === 0) return at;
  }
  throw new HclError(`invalid interpolation format for ${JSON.stringify(text)}`);
}

function replacement(inside: string, environment: Environment, depth: number): string {
  const match = /^([A-Za-z_]\w*)(?:(:?[-?+])([\s\S]*))?$/.exec(inside);
  if (!match) throw new HclError(`invalid interpolation format: \${${inside}}`);
  const [, name = "", operator = "", word = ""] = match;
  const value = environment[name];
  const isThere = value !== undefined && !(operator.startsWith(":") && value === "");
  const other = (): string => filledIn(word, environment, depth + 1);
  if (operator.endsWith("+")) return isThere ? other() : "";
  if (isThere) return value;
  if (operator.endsWith("?")) throw new HclError(`required variable ${name} is missing a value: ${other()}`);
  return operator.endsWith("-") ? other() : "";
}
