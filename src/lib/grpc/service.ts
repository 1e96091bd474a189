/** Services as tables of methods: what both ends of a gRPC connection speak, typed end to end. */
import type { Fields, MessageOf, MessageType } from "../protobuf/message.ts";

export interface Method<Q extends Fields = Fields, A extends Fields = Fields, S extends Streams = Streams> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: MessageType<Q>;
  readonly response: MessageType<A>;
  readonly streams: S;
}

/** Which side sends any number of messages instead of one. */
export type Streams = "none" | "request" | "response" | "both";

export type Service = Readonly<Record<string, Method>>;

export type RequestOf<M> = M extends Method<infer Q, Fields> ? MessageOf<Q> : never;
export type ResponseOf<M> = M extends Method<Fields, infer A> ? MessageOf<A> : never;

type Signature<Q extends Fields, A extends Fields, S extends Streams> = readonly [MessageType<Q>, MessageType<A>, S?];

/**
 * `service("moby.buildkit.v1.Control", { Info: [InfoRequest, InfoResponse], Status: [StatusRequest, StatusResponse, "response"] })`
 */
// biome-ignore lint/suspicious/noExplicitAny: any table of fields fits; the mapped type below gives each its own.
export function service<const T extends Readonly<Record<string, Signature<any, any, Streams>>>>(
  name: string,
  methods: T,
): {
  readonly [K in keyof T]: T[K] extends readonly [MessageType<infer Q>, MessageType<infer A>, infer S extends Streams]
    ? Method<Q, A, S>
    : T[K] extends readonly [MessageType<infer Q>, MessageType<infer A>]
      ? Method<Q, A, "none">
      : never;
} {
  const table = Object.entries(methods).map(([method, [request, response, streams = "none"]]) => [
    method,
    { path: `/${name}/${method}`, request, response, streams },
  ]);
  return Object.fromEntries(table);
}
