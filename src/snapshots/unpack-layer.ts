/** Unpacking one layer's archive into a directory, by the helper that does it in a process of its own. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { runHelper } from "../helper/helper-process.ts";
import type { Operation } from "../lib/operation.ts";
import { copyRoot } from "./ownership.ts";
import type { GrowingFile, LayerBody, LayerRequest } from "./snapshotter.ts";
import type { ApplyLayerRequest } from "./unpack/apply-layer.ts";

/** Fills `dir` with the layer's `diff`, `refs` and `layer.json`; answers the bytes of its files. */
export async function unpackLayer(
  layer: {
    readonly dir: string;
    /** Files of the layers below, topmost first. */
    readonly parents: string[];
    readonly request: LayerRequest;
    readonly body: LayerBody;
  },
  op: Operation,
): Promise<number> {
  const { dir, parents, request, body } = layer;
  makeDiff(dir, parents[0] ?? null);
  const { chainId, parent, diffId } = request;
  const { size } = await runHelper<{ size: number }>(
    "apply-layer",
    {
      dir,
      parents,
      record: { version: 1, chainId, parent, diffId },
      body: typeof body === "string" ? body : null,
      grows: isGrowing(body),
      budget: request.budget ?? {},
    } satisfies ApplyLayerRequest,
    typeof body === "string" ? null : isGrowing(body) ? wordWhen(body.complete) : body,
    op.signal,
    isGrowing(body) ? { fd: body.fd } : {},
  );
  return size;
}

/** Nobody will read the body. */
export function dropBody(body: LayerBody): void {
  if (typeof body !== "string" && !isGrowing(body)) body.destroy();
}

const isGrowing = (body: LayerBody): body is GrowingFile => typeof body !== "string" && !(body instanceof Readable);

/** Ends in a word once `complete` settles, in its error when it fails. */
function wordWhen(complete: Promise<void>): Readable {
  async function* word(): AsyncGenerator<Buffer> {
    await complete;
    yield Buffer.from("complete");
  }
  return Readable.from(word(), { objectMode: false });
}

/** The layer's root has the mode and owner of the root below it until the archive says otherwise. */
function makeDiff(dir: string, below: string | null): void {
  const diff = join(dir, "diff");
  mkdirSync(diff, { mode: 0o755 });
  copyRoot(below, diff);
  mkdirSync(join(dir, "refs"), { mode: 0o700 });
}
