import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type * as v from "valibot";
import type { ProgressSink } from "../api/images.ts";
import type { ReplyKind, ReplyValue, RouteSpec } from "../api/route.ts";
import type { ParamsOf, QueryOf } from "../api/route-spec.ts";
import type { Routes } from "../api/routes.ts";
import type { Operation } from "../lib/operation.ts";
import type { StdioSession } from "./stdio-session.ts";

type BodyOf<R extends RouteSpec> = R["body"] extends { schema: infer S extends v.GenericSchema }
  ? v.InferOutput<S>
  : undefined;

/** One request, parsed and checked by its route. */
export interface Call<R extends RouteSpec = RouteSpec> {
  readonly params: ParamsOf<R>;
  readonly query: QueryOf<R>;
  readonly body: BodyOf<R>;
  /** The decoded JSON before the schema; undefined when there was no body. */
  readonly rawBody: unknown;
  /** The request's bytes, for routes with a streamed body. */
  readonly input: Readable;
  /** API version that the client asked for. */
  readonly version: string;
  readonly op: Operation;
  header(name: string): string | undefined;
  /** Adds a header to the reply; only before anything is sent. */
  setHeader(name: string, value: string): void;
  /** For `progress` routes: sends one message. */
  readonly progress: ProgressSink;
  /**
   * Sends the head of a hijacked reply before there is a session, for clients that take what comes with the head for part of
   * it. Those that ask to be told of the session's end get it with the session.
   */
  readonly leaveHttp: (tty: boolean) => void;
}

interface Results<T> {
  json: T;
  empty: undefined;
  text: string;
  later: { readonly outcome: Promise<T> };
  lines: AsyncIterable<T>;
  progress: undefined;
  /** `type` is the content type. */
  stream: { readonly type: string; readonly stream: Readable };
  /** Null answers with an empty 200: there is nothing to attach to. */
  hijack: StdioSession | null;
  /** Serves the connection until it is over. */
  upgrade: (socket: Socket) => Promise<void>;
}

/** What a handler returns for a reply of kind `K`. */
export type ResultOf<K extends ReplyKind, T> = Results<T>[K];

export type Handler<R extends RouteSpec> = (
  call: Call<R>,
) =>
  | Promise<ResultOf<R["reply"]["kind"], ReplyValue<R["reply"]>>>
  | ResultOf<R["reply"]["kind"], ReplyValue<R["reply"]>>;

/** One handler for every route of the table: the compiler names a missing one. */
export type Handlers = { readonly [K in keyof Routes]: Handler<Routes[K]> };
