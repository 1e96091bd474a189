/** `import`: a tar of a whole root becomes an image of one layer. */
import { Readable } from "node:stream";
import { ContainerConfig } from "../api/containers.ts";
import type { ProgressSink } from "../api/images.ts";
import { parseWire } from "../api/wire.ts";
import { invalidArgument, messageOf, unavailable } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { parsePlatform } from "../lib/platform.ts";
import { isTag, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";
import { applyChanges } from "./config-changes.ts";
import type { ImportRequest } from "./images.ts";
import { makeImage, storeLayer } from "./make-image.ts";
import type { Shelf } from "./shelf.ts";

export async function importTar(
  shelf: Shelf,
  request: ImportRequest,
  source: Readable | URL,
  progress: ProgressSink,
  op: Operation,
): Promise<void> {
  const name = targetName(request.repo, request.tag);
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
      { base: null, config, platform, author: "", comment, createdBy: "", names: name ? [name] : [] },
      op,
    );
    shelf.catalog.emit("import", image.id, image.id);
    progress({ status: image.id });
  } catch (error) {
    tar.destroy();
    const chains = [...hold.chains];
    hold[Symbol.dispose]();
    await shelf.release(chains, hold.lease.digests);
    throw error;
  } finally {
    hold[Symbol.dispose]();
  }
}

/** The name a new image gets; null when none was asked for. */
export function targetName(repo: string, tag: string): Reference | null {
  if (repo === "") return null;
  const reference = parseReference(repo);
  if (reference.digest !== null) throw invalidArgument("cannot import digest reference");
  if (tag === "") return withDefaultTag(reference);
  if (!isTag(tag)) throw invalidArgument("invalid tag format");
  return { ...reference, tag };
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
