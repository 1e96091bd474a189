/** A client's directory of blobs over its session. */
import { Content, storeIdHeader, writeActions } from "../../api/buildkit/content.ts";
import { isKind, systemError } from "../../lib/errors.ts";
import type { Metadata } from "../../lib/grpc/metadata.ts";
import type { ClientBlobs } from "../request-results.ts";
import type { ClientSession } from "./sessions.ts";

const pieceBytes = 1 << 20;

/** `store` as the client names it: see `storeIdHeader`. */
export function sessionBlobs({ client }: ClientSession, store: string): ClientBlobs {
  const metadata: Metadata = new Map([[storeIdHeader, [store]]]);
  return {
    async has({ digest }, op) {
      try {
        await client.call(Content.Info, { digest }, { metadata, signal: op.signal });
        return true;
      } catch (error) {
        if (isKind(error, "notFound")) return false;
        throw error;
      }
    },
    async read(digest, op) {
      const options = { metadata, signal: op.signal };
      const { info } = await client.call(Content.Info, { digest }, options);
      const responses = client.stream(Content.Read, { digest, size: info?.size ?? 0 }, options);
      return (async function* () {
        for await (const { data } of responses) yield data;
      })();
    },
    async write({ digest, size }, bytes, op) {
      await using call = client.open(Content.Write, { metadata, signal: op.signal });
      const responses = call.responses[Symbol.asyncIterator]();
      const ref = `dhow-${digest}`;
      let offset = 0;
      const send = async (action: number, data: Uint8Array): Promise<void> => {
        await call.send({ action, ref, total: size, expected: digest, offset, data });
        offset += data.length;
        // The client answers each request.
        if ((await responses.next()).done) throw systemError(`the client stopped taking ${digest}`);
      };
      for await (const piece of bytes) {
        for (let at = 0; at < piece.length; at += pieceBytes) {
          await send(writeActions.write, piece.subarray(at, at + pieceBytes));
        }
      }
      await send(writeActions.commit, new Uint8Array());
      call.end();
      for (let end = await responses.next(); !end.done; ) end = await responses.next();
    },
  };
}
