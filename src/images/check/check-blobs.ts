/** Every blob that an image names: there, of its size, and of its digest. */
import { verifyBlobs } from "../../content/verify-blobs.ts";
import type { Digest } from "../../lib/digest.ts";
import { isKind } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { familiarReference, familiarRepository } from "../../lib/reference.ts";
import type { ImagesConfig } from "../images.ts";
import { type Descriptor, type Manifest, maxManifestSize, parseManifest } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";
import { BlobHealth } from "./blob-health.ts";
import { refetch, repositoriesOf } from "./refetch.ts";
import type { CheckReport, ImageCheckRequest } from "./report.ts";

/** A blob that images need. */
interface Needed {
  readonly blob: Descriptor;
  /** What it is to them. */
  readonly role: "manifest" | "index" | "configuration" | "layer";
  readonly images: Set<Digest>;
}

export async function checkBlobs(
  shelf: Shelf,
  config: ImagesConfig,
  request: ImageCheckRequest,
  report: CheckReport,
  op: Operation,
): Promise<{ health: BlobHealth; blobs: number; bytes: number }> {
  const { catalog, content } = shelf;
  const total = [...content.walk()].length;
  const { altered, blobs, bytes } = await verifyBlobs(
    content.root,
    (done) => report.progress({ Stage: "blobs", Done: done, Total: total }),
    op.signal,
  );
  const health = new BlobHealth(content, altered);
  // Manifests first: they say what else there should be.
  const tops = new Map<Digest, Needed>();
  for (const id of catalog.ids()) {
    const record = catalog.recordOf(id);
    if (!record) continue;
    need(tops, record.manifest, "manifest", id);
    need(tops, record.target, record.target.digest === record.manifest.digest ? "manifest" : "index", id);
  }
  for (const needed of tops.values()) await checkOne(needed);
  const others = new Map<Digest, Needed>();
  for (const id of catalog.ids()) {
    const manifest = manifestOf(shelf, id);
    if (!manifest) continue;
    need(others, manifest.config, "configuration", id);
    for (const layer of manifest.layers) need(others, layer, "layer", id);
  }
  for (const needed of others.values()) await checkOne(needed);
  return { health, blobs, bytes };

  async function checkOne({ blob, role, images }: Needed): Promise<void> {
    op.signal.throwIfAborted();
    const problem = health.problem(blob);
    if (problem === null) return;
    const ids = [...images].filter((id) => catalog.recordOf(id) !== undefined);
    if (ids.length === 0) return; // removed meanwhile
    const repositories = repositoriesOf(shelf, ids);
    const from = repositories.map(familiarRepository).join(" or ");
    const advice =
      from === ""
        ? "no registry is recorded that it came from: load the image again (dhow load), or remove it (dhow rmi)"
        : `dhow system check --repair fetches it from ${from}`;
    const found = {
      kind: "blob" as const,
      id: blob.digest,
      usedBy: ids.map((id) => shownImage(shelf, id)),
      problem: `${role}: ${problem}`,
      advice,
    };
    if (repositories.length === 0) {
      await report.finding(found);
      return;
    }
    const wanted = { blob, isManifest: role === "manifest" || role === "index" };
    await report.finding(found, async () => {
      const done = await refetch(shelf, config, repositories, wanted, request.authFor, op);
      health.mended(blob.digest);
      return done;
    });
  }
}

function need(all: Map<Digest, Needed>, blob: Descriptor, role: Needed["role"], image: Digest): void {
  const known = all.get(blob.digest) ?? { blob, role, images: new Set() };
  known.images.add(image);
  all.set(blob.digest, known);
}

/** What the image's manifest on the disk says; `null` while it cannot be read, which is a finding of its own. */
export function manifestOf({ catalog, content }: Shelf, id: Digest): Manifest | null {
  const record = catalog.recordOf(id);
  if (!record) return null;
  try {
    const parsed = parseManifest(content.read(record.manifest.digest, maxManifestSize), record.manifest.mediaType);
    return parsed.kind === "manifest" ? parsed.manifest : null;
  } catch (error) {
    if (isKind(error, "invalidArgument", "dataLoss", "notFound", "tooLarge")) return null;
    throw error;
  }
}

/** What people call an image: its first name with a tag, else its id. */
export function shownImage({ catalog }: Shelf, id: Digest): string {
  const name = catalog.namesOf(id).find(({ digest }) => digest === null);
  return name ? familiarReference(name) : id;
}
