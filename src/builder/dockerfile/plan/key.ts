/** What a step's cache key is made of, apart from its inputs. */
import type { CopySource, Input, Work } from "./plan.ts";

/** All that a step reads besides the step before it, in the order in which {@link keyText} counts them. */
export function inputsOf(work: Work): readonly Input[] {
  const inputs: Input[] = [];
  keyValue(work, inputs);
  return inputs;
}

/**
 * A step's work as canonical JSON: names sorted, inputs replaced by their number. Two works that read equal things and do
 * the same have equal texts, wherever they stand. Labels, places in the file, the history and credentials are no part of it;
 * neither is what a secret holds, nor the proxies. The solver adds the keys of the step before and of each input.
 */
export function keyText(work: Work): string {
  return JSON.stringify(keyValue(work, []));
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** `inputs` takes what is replaced by a number. */
function keyValue(value: unknown, inputs: Input[]): Json {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (Array.isArray(value)) return value.map((each) => keyValue(each, inputs));
  const fields = Object.entries(value as Record<string, unknown>).filter(([name, field]) => {
    return field !== undefined && name !== ("credentials" satisfies keyof Extract<CopySource, { kind: "http" }>);
  });
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    fields.map(([name, field]): [string, Json] => {
      if (name !== "input") return [name, keyValue(field, inputs)];
      inputs.push(field as Input);
      return [name, inputs.length - 1];
    }),
  );
}
