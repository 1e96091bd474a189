/** Texts of a build's query that hold JSON. */
import type * as v from "valibot";
import { parseWire } from "../../api/wire.ts";
import { invalidArgument, messageOf } from "../../lib/errors.ts";
import { parseJson } from "../../lib/json.ts";

/** Undefined for an empty one and for `null`, which clients write of Go's empty lists; throws `invalidArgument` with its name for what cannot be read. */
export function readQueryJson<S extends v.GenericSchema>(
  name: string,
  schema: S,
  text: string,
): v.InferOutput<S> | undefined {
  if (text === "") return undefined;
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw invalidArgument(`error reading ${name}: ${messageOf(error)}`, { cause: error });
  }
  return value === null ? undefined : parseWire(schema, value);
}
