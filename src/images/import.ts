/** `import`: a tar of a whole root becomes an image of one layer. */
import { Readable } from "node:stream";
import { ContainerConfig } from "../api/containers.ts";
import type { ProgressSink } from "../api/images.ts";
import { parseWire } from "../api/wire.ts";
import { invalidArgument, messageOf, unavailable } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { parsePlatform } from "../lib/platform.ts";
import { familiarReference } from "../lib/reference.ts";
import type { ImportRequest } from "./images.ts";
import { type MakeParts, makeImage, storeLayer } from "./make-image.ts";
import { newNameOf } from "./new-name.ts";

export async function importTar(
  { shelf, applyChanges }: MakeParts,
  request: ImportRequest,
  source: Readable | URL,
  progress: ProgressSink,
  op: Operation,
): Promise<void> {
  if (request.repo.includes("@")) throw invalidArgument("cannot import digest reference");
  const names = request.repo === "" ? [] : [newNameOf(request.repo, request.tag)];
  const platform = parsePlatform(request.platform);
  const config = applyChanges(parseWire(ContainerConfig, {}), request.changes);
  const isUrl = source instanceof URL;
  const tar = isUrl ? await download(source, progress, op) : source;
  const hold = shelf.hold();
  try {
    const layer = await op.timings.measure("receive", () => storeLayer(shelf, hold, tar, op));
    const comment = request.message || (isUrl ? `Imported from ${source.href}` : "Imported from -");
    const image = await makeImage(
      shelf,
      hold,
      layer,
      { base: null, config, platform, author: "", comment, createdBy: "", names },
      op,
    );
    const [name] = names.map(familiarReference);
    if (name !== undefined) shelf.catalog.emit("tag", image.id, { name });
    shelf.catalog.emit("import", image.id);
    progress({ status: image.id });
  } catch (error) {
    tar.destroy();
    await shelf.abandon(hold);
    throw error;
  } finally {
    hold[Symbol.dispose]();
  }
}

async function download(url: URL, progress: ProgressSink, op: Operation): Promise<Readable> {
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw invalidArgument(`unsupported URL scheme ${url.protocol}`);
  progress({ status: `Downloading from ${url.href}` });
  try {
    const response = await fetch(url, { signal: op.signal, decompress: false });
    if (!response.ok || !response.body) throw new Error(`server answered ${response.status}`);
    return Readable.from(response.body as AsyncIterable<Uint8Array>, { objectMode: false });
  } catch (error) {
    throw unavailable(`cannot download ${url.href}: ${messageOf(error)}`, { cause: error });
  }
}
