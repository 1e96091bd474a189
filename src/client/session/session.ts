/** A build's session: our services on a connection that the daemon has taken over from HTTP. */
import { randomUUID } from "node:crypto";
import { sessionHeaders } from "../../api/buildkit/session.ts";
import { type GrpcConnection, serveGrpc } from "../../lib/grpc/server.ts";
import type { Client } from "../client.ts";
import { duplexOf } from "../duplex.ts";
import { type SessionOffers, sessionBindings } from "./services.ts";

export interface Session extends Disposable {
  readonly id: string;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
}

export interface SessionOptions {
  /** Shown in lists of sessions. */
  readonly name: string;
  /** What a builder keeps of our files is found again by the next session of the same key. */
  readonly sharedKey: string;
  readonly offers: SessionOffers;
}

export async function openSession(client: Client, { name, sharedKey, offers }: SessionOptions): Promise<Session> {
  const id = randomUUID().replaceAll("-", "");
  const bindings = sessionBindings(offers);
  const { stream } = await client.hijack(
    { method: "POST", path: "/session" },
    {
      protocol: "h2c",
      headers: {
        [sessionHeaders.id]: id,
        [sessionHeaders.name]: name,
        [sessionHeaders.sharedKey]: sharedKey,
        [sessionHeaders.method]: [...bindings.keys()],
      },
    },
  );
  const connection: GrpcConnection = serveGrpc(duplexOf(stream), bindings);
  return { id, closed: connection.closed, [Symbol.dispose]: () => connection[Symbol.dispose]() };
}
