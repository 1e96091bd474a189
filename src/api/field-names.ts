import type * as v from "valibot";
import { mapValueOf } from "./wire.ts";

/** What the walk looks at in a schema of any kind. */
interface Shape {
  readonly wrapped?: v.GenericSchema;
  readonly item?: v.GenericSchema;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
}

/**
 * What a client has written, with its fields named as the schema names them. Go's decoder takes them in any case, and there are
 * clients that send `container` or `labels`; the keys of maps (labels, ports) are data and stay as they are.
 */
export function nameFields(schema: v.GenericSchema, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { wrapped, item, entries } = schema as Shape;
  if (wrapped) return nameFields(wrapped, value);
  if (Array.isArray(value)) return item ? value.map((one) => nameFields(item, one)) : value;
  if (entries) return namedFields(entries, value);
  const ofMap = mapValueOf(schema);
  return ofMap ? withPairs(Object.entries(value).map(([key, one]) => [key, nameFields(ofMap, one)])) : value;
}

/** Of two spellings of one field the later counts, as it does in Go. */
function namedFields(entries: Readonly<Record<string, v.GenericSchema>>, value: object): object {
  return withPairs(
    Object.entries(value).map(([key, one]) => {
      const name = Object.hasOwn(entries, key) ? key : spellings(entries).get(key.toLowerCase());
      const field = name === undefined ? undefined : entries[name];
      return name === undefined || !field ? [key, one] : [name, nameFields(field, one)];
    }),
  );
}

/** As Object.fromEntries, which keeps `__proto__` an ordinary key. */
const withPairs = (pairs: [string, unknown][]): object => Object.fromEntries(pairs);

const spellingsOf = new WeakMap<object, ReadonlyMap<string, string>>();

/** The fields of an object by their names in lower case. */
function spellings(entries: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  let known = spellingsOf.get(entries);
  if (!known) {
    known = new Map(Object.keys(entries).map((name) => [name.toLowerCase(), name]));
    spellingsOf.set(entries, known);
  }
  return known;
}
