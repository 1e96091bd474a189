/** What one build comes to, kept as an OCI layout for another that begins at it; nobody else sees it. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../lib/digest.ts";
import { dataLoss, notFound } from "../lib/errors.ts";
import type { BuiltImage } from "./builder.ts";
import type { ContextParts } from "./context/build-context.ts";
import type { ClientBlobs, Output } from "./request-results.ts";

export interface KeptResult extends AsyncDisposable {
  readonly blobs: ClientBlobs;
  /** Of the manifest or index. */
  readonly digest: Digest;
}

/** `build` is to give its result to the output, and to nothing else. */
export async function keepResult(
  { directory, discard }: Pick<ContextParts, "directory" | "discard">,
  build: (output: Output) => Promise<BuiltImage>,
): Promise<KeptResult> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const own = mkdtempSync(join(directory, "result-"));
  const blobs = blobsIn(own);
  try {
    // Packed they would only be unpacked again.
    const attributes = { tar: "false", compression: "uncompressed" };
    const built = await build({
      type: "oci",
      attributes,
      blobs,
      open: () => Promise.reject(new Error("not an archive")),
    });
    const digest = built.facts["containerimage.digest"] as Digest; // our own exporter wrote it
    return { blobs, digest, [Symbol.asyncDispose]: async () => discard(own) };
  } catch (error) {
    discard(own);
    throw error;
  }
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}

function blobsIn(directory: string): ClientBlobs {
  const pathOf = (digest: Digest): string => join(directory, hexOf(digest));
  return {
    has: async ({ digest }) => existsSync(pathOf(digest)),
    async read(digest) {
      if (!existsSync(pathOf(digest))) throw notFound(`${digest}: not found`);
      // Opened by who reads: what is here already, nobody does.
      return piecesOf(pathOf(digest));
    },
    async write({ digest }, bytes) {
      await using file = await open(pathOf(digest), "wx", 0o600);
      const hash = createHash("sha256");
      for await (const piece of bytes) {
        hash.update(piece);
        await file.writeFile(piece);
      }
      if (`sha256:${hash.digest("hex")}` !== digest) throw dataLoss(`${digest} is another blob`);
    },
  };
}
