/**
 * The kinds of values in a Compose file: what may be written, how the long form is read into the model, how the model is
 * printed. The tables of the other files in this folder say which field is of which kind, in the order of printing.
 */
import type { Problems } from "../problems.ts";
import type { Node } from "../yaml/node.ts";
import type { Accept, Rule } from "./accept.ts";

/** What the printers write: mappings are `Map`s in their order, floats are `Float`s. */
export type Printable = unknown;

/** A mapping whose keys the file chose: the YAML printer sorts those in its own way. */
export class UserMap extends Map<string, Printable> {}

export type Format = "yaml" | "json";

export interface Reading {
  readonly problems: Problems;
  readonly path: string;
  readonly warn: (message: string) => void;
}

export interface Type<T> {
  /** Short forms included. */
  readonly accept: Accept;
  /** From the long form; undefined when the value is the same as none, which is never printed. */
  read(node: Node, how: Reading): T | undefined;
  /** Default: the value itself. */
  show?(value: T, format: Format): Printable;
  /** What JSON shows when there is none; most types: nothing. */
  readonly absentInJson?: Printable;
  /** The key in JSON, where it is another. */
  readonly jsonKey?: string;
}

/** The fields of `T` in the order in which they are printed. `x-` keys go to `T`'s `extensions`. */
export type Shape<T> = { readonly [K in keyof T as Exclude<K, "extensions">]-?: Type<Exclude<T[K], undefined>> };

export interface RecordOptions {
  /** Keys that may be written and do nothing. */
  readonly unused?: Readonly<Record<string, Accept>>;
  readonly required?: readonly string[];
  /** False: `x-` keys are refused too. */
  readonly extensible?: boolean;
  /** Keys that are not known are let through, and do nothing. */
  readonly open?: boolean;
  /** Other forms that may be written. */
  readonly or?: readonly Rule[];
}

export function deeper(how: Reading, key: string | number): Reading {
  return { ...how, path: how.path === "" ? String(key) : `${how.path}.${key}` };
}

export function withAccept<T>(type: Type<T>, accept: Accept): Type<T> {
  return { ...type, accept };
}

export const rulesOf = (accept: Accept): readonly Rule[] =>
  (Array.isArray(accept) ? accept : [accept]) as readonly Rule[];
