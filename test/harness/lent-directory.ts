/** A client of BuildKit's protocol that says whatever it is told to of its directory. */
import { Control } from "../../src/api/buildkit/control.ts";
import { FileSync, type Packet, packetTypes, type Stat } from "../../src/api/buildkit/files.ts";
import { GrpcClient } from "../../src/lib/grpc/client.ts";
import { bind, type ServerCall, serveGrpc } from "../../src/lib/grpc/server.ts";
import type { Written } from "../../src/lib/protobuf/message.ts";
import { upgraded } from "./upgraded.ts";

export type FileStat = Written<typeof Stat>;

export interface LentDirectory {
  /** What it says the context holds. */
  readonly files: readonly FileStat[];
  readonly dockerfile?: string;
  /** The list of the directory that has the Dockerfile, in place of that file. */
  readonly beside?: readonly FileStat[];
  /** Answers the request for a file of the context; else it sends one byte. */
  readonly send?: (call: ServerCall<(typeof Packet)["fields"], (typeof Packet)["fields"]>, id: number) => Promise<void>;
}

/** A session with the daemon on that socket, whose client says that these are its files. */
export async function lend(
  socketPath: string,
  { files, dockerfile = "FROM scratch\nCOPY . /\n", beside, send }: LentDirectory,
): Promise<{ readonly id: string } & Disposable> {
  const id = crypto.randomUUID();
  const session = await upgraded(socketPath, "/session", {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Grpc-Method": FileSync.DiffCopy.path,
  });
  const sends = bind(FileSync, {
    DiffCopy: async (call) => {
      const isContext = call.metadata.get("dir-name")?.[0] === "context" && !call.metadata.has("followpaths");
      const own = beside ?? [{ path: "Dockerfile", mode: 0o644, size: dockerfile.length }];
      for (const stat of isContext ? files : own) await call.send({ type: packetTypes.stat, stat });
      await call.send({ type: packetTypes.stat });
      for await (const { type, id: number } of call.requests) {
        if (type === packetTypes.finished) return await call.send({ type: packetTypes.finished });
        if (isContext && send !== undefined) {
          await send(call, number);
          continue;
        }
        await call.send({ type: packetTypes.data, id: number, data: Buffer.from(isContext ? "x" : dockerfile) });
        await call.send({ type: packetTypes.data, id: number });
      }
    },
  });
  const served = serveGrpc(session, new Map(sends));
  return { id, [Symbol.dispose]: () => served[Symbol.dispose]() };
}

/** The failure of a build by the daemon on that socket, whose client says that these are its files; "" for none. */
export async function failureWith(socketPath: string, directory: LentDirectory): Promise<string> {
  using lent = await lend(socketPath, directory);
  await using client = new GrpcClient(await upgraded(socketPath, "/grpc"));
  const request = { ref: lent.id, session: lent.id, frontend: "dockerfile.v0" };
  return await client.call(Control.Solve, request).then(
    () => "",
    (error: Error) => error.message,
  );
}
