/**
 * A route in full: its path, the body it takes, the reply it gives and the failures it may answer with. The router and the
 * types of the handlers come from it.
 */
import type * as v from "valibot";
import type { ErrorKind } from "../lib/errors.ts";
import type { PathSpec } from "./route-spec.ts";

/**
 * `json` is a JSON body by schema, an absent body counting as an empty object unless `required`; `stream` hands the body over
 * unread.
 */
export type BodySpec =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly schema: v.GenericSchema; readonly required: boolean }
  | { readonly kind: "stream" };

/**
 * What a handler returns and how it goes over the wire. `json`: one value. `later`: headers at once, the value when it comes.
 * `lines`: JSON values as they come. `progress`: messages told through `call.progress`. `stream`: bytes. `hijack`: the
 * connection becomes the stdio of a process. `upgrade`: it goes on in the protocol that the client asks for.
 */
export type ReplyKind = "json" | "empty" | "text" | "later" | "lines" | "progress" | "stream" | "hijack" | "upgrade";

declare const valueType: unique symbol;

export interface ReplySpec<K extends ReplyKind = ReplyKind, T = unknown> {
  readonly kind: K;
  readonly status: number;
  /** A `progress` reply that has every failure of its handler in the stream, never as a status. */
  readonly failsInStream?: true;
  /** Known to the compiler only. */
  readonly [valueType]?: T;
}

/** The type of the values of a reply. */
export type ReplyValue<S> = S extends ReplySpec<ReplyKind, infer T> ? T : never;

export interface RouteSpec extends PathSpec {
  readonly body: BodySpec;
  readonly reply: ReplySpec;
  /** Kinds of failure besides bad input, which any route may answer. */
  readonly fails: readonly ErrorKind[];
}

/** One JSON value. */
export const json = <T>(status = 200): ReplySpec<"json", T> => ({ kind: "json", status });
/** A status alone. */
export const empty = (status = 204): ReplySpec<"empty", void> => ({ kind: "empty", status });
export const plainText = (): ReplySpec<"text", string> => ({ kind: "text", status: 200 });
export const later = <T>(): ReplySpec<"later", T> => ({ kind: "later", status: 200 });
export const lines = <T>(): ReplySpec<"lines", T> => ({ kind: "lines", status: 200 });
export const progress = (): ReplySpec<"progress", void> => ({ kind: "progress", status: 200 });
/** Progress whose failures are messages too, also the first thing that there is to say: as dockerd answers a load. */
export const progressOnly = (): ReplySpec<"progress", void> => ({ ...progress(), failsInStream: true });
export const bytes = (): ReplySpec<"stream", void> => ({ kind: "stream", status: 200 });
/** HTTP/2 in the clear, which is the only one. */
export const upgrade = (): ReplySpec<"upgrade", void> => ({ kind: "upgrade", status: 101 });
export const hijack = (): ReplySpec<"hijack", void> => ({ kind: "hijack", status: 200 });

export const noBody = { kind: "none" } as const;
export const streamBody = { kind: "stream" } as const;
/** A JSON body; absent means `{}`. */
export const jsonBody = <S extends v.GenericSchema>(schema: S) => ({ kind: "json", schema, required: false }) as const;
/** A JSON body that must be there. */
export const requiredBody = <S extends v.GenericSchema>(schema: S) =>
  ({ kind: "json", schema, required: true }) as const;
