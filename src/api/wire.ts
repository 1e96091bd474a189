/**
 * Building blocks of the wire schemas. Input is read as Go's decoder reads it: null stands for an absent field, an absent
 * field for its zero value, unknown keys are ignored. Names say what comes out, not what is accepted.
 */
import * as v from "valibot";
import { invalidArgument } from "../lib/errors.ts";
import type { Int64 } from "../lib/json.ts";

/** A string; "" when absent. */
export const text = () => v.nullish(v.string(), "");

/** A boolean; false when absent. */
export const flag = () => v.nullish(v.boolean(), false);

const integer = v.pipe(v.number(), v.integer());

/** An integer that fits a double; 0 when absent. */
export const int = () => v.nullish(integer, 0);

const wide = v.custom<Int64>(
  (value) => (typeof value === "number" && Number.isInteger(value)) || isInt64(value),
  "Expected int64",
);

function isInt64(value: unknown): boolean {
  return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
}

/** A 64-bit integer, exact (see {@link Int64}); 0 when absent. */
export const int64 = () => v.nullish(wide, 0);

const word = v.nullish(v.string(), "");

/** A list of strings; null when absent, as Go writes a nil slice. */
export const texts = () => v.nullish(v.array(word), null);

/** As {@link texts}, and a lone string counts as a list of one (Docker's strslice: Cmd, Entrypoint, Shell). */
export const words = () =>
  v.pipe(
    v.nullish(v.union([v.array(word), v.string()]), null),
    v.transform((value) => (typeof value === "string" ? [value] : value)),
  );

/** A list; empty when absent. */
export const list = <S extends v.GenericSchema>(item: S) => v.nullish(v.array(item), (): v.InferInput<S>[] => []);

/** A field that Go leaves out of its JSON when it is empty: undefined when absent or null. */
export const maybe = <S extends v.GenericSchema>(schema: S) =>
  v.optional(
    v.pipe(
      v.nullable(schema),
      v.transform((value): v.InferOutput<S> | undefined => value ?? undefined),
    ),
  );

export const maybeText = () => maybe(v.string());
export const maybeFlag = () => maybe(v.boolean());
export const maybeInt = () => maybe(integer);
export const maybeInt64 = () => maybe(wide);

const mapValues = new WeakMap<object, v.GenericSchema>();

/** What the values of a map are, of a schema that {@link mapOf} has made. */
export const mapValueOf = (schema: v.GenericSchema): v.GenericSchema | undefined => mapValues.get(schema);

/** An object with any keys, sorted as Go writes a map, each value by `value`. `__proto__` stays an ordinary key. */
export const mapOf = <S extends v.GenericSchema>(value: S) => {
  const schema = v.pipe(
    v.custom<Record<string, v.InferInput<S>>>(isPlainObject, "Expected object"),
    v.rawTransform(({ dataset, addIssue, NEVER }): Record<string, v.InferOutput<S>> => {
      const result: Record<string, v.InferOutput<S>> = {};
      for (const key of Object.keys(dataset.value).sort()) {
        const entry = dataset.value[key];
        const parsed = v.safeParse(value, entry);
        if (!parsed.success) {
          addIssue({ message: `${key}: ${describeIssues(parsed.issues)}` });
          return NEVER;
        }
        Object.defineProperty(result, key, {
          value: parsed.output,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      }
      return result;
    }),
  );
  mapValues.set(schema, value);
  return schema;
};

/** A map; empty when absent. */
export const map = <S extends v.GenericSchema>(value: S) =>
  v.nullish(mapOf(value), (): Record<string, v.InferInput<S>> => ({}));

/** A map of strings; empty when absent. */
export const textMap = () => map(word);

/** A map of strings; undefined when absent. */
export const maybeTextMap = () => maybe(mapOf(word));

/** A set, written by Go as a map to empty objects (ExposedPorts, Volumes). */
export type WireSet = Record<string, Record<string, never>>;

const wireSet = v.pipe(
  mapOf(v.unknown()),
  v.transform((value): WireSet => {
    const result: WireSet = {};
    for (const key of Object.keys(value)) {
      Object.defineProperty(result, key, { value: {}, writable: true, enumerable: true, configurable: true });
    }
    return result;
  }),
);

/** A set; undefined when absent. */
export const maybeSet = () => maybe(wireSet);

/** A set; null when absent. */
export const nullableSet = () => v.nullish(wireSet, null);

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Issue = v.BaseIssue<unknown>;

/** One line for people: where in the document, and what was expected there. */
export function describeIssues(issues: readonly Issue[]): string {
  const issue = issues[0];
  if (!issue) return "unreadable";
  const path = v.getDotPath(issue);
  return path ? `${path}: ${issue.message}` : issue.message;
}

/** Checks a decoded JSON value; throws `invalidArgument` that names the field. */
export function parseWire<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (!parsed.success) throw invalidArgument(`invalid JSON: ${describeIssues(parsed.issues)}`);
  return parsed.output;
}
