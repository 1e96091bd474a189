/** Every blob that an image names: there, of its size, and of its digest. */
import { verifyBlobs } from "../../content/verify-blobs.ts";
import type { Digest } from "../../lib/digest.ts";
import { isKind } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { familiarRepository, type Reference } from "../../lib/reference.ts";
import type { ImagesConfig } from "../images.ts";
import type { Shelf } from "../shelf.ts";
import { BlobHealth } from "./blob-health.ts";
import { manifestsNeeded, type Needed, partsNeeded, shownImage } from "./needs.ts";
import { refetch, repositoriesOf } from "./refetch.ts";
import { repack } from "./repack.ts";
import type { CheckReport, ImageCheckRequest } from "./report.ts";

/** What the check of one blob works with. */
interface BlobCheck {
  readonly shelf: Shelf;
  readonly config: ImagesConfig;
  readonly request: ImageCheckRequest;
  readonly report: CheckReport;
  readonly op: Operation;
  readonly health: BlobHealth;
}

export async function checkBlobs(
  shelf: Shelf,
  config: ImagesConfig,
  request: ImageCheckRequest,
  report: CheckReport,
  op: Operation,
): Promise<{ health: BlobHealth; blobs: number; bytes: number }> {
  const { content } = shelf;
  const Total = [...content.walk()].length;
  const onProgress = (Done: number): void => report.progress({ Stage: "blobs", Done, Total });
  const { altered, blobs, bytes } = await verifyBlobs(content.root, onProgress, op.signal);
  const health = new BlobHealth(content, altered);
  const check: BlobCheck = { shelf, config, request, report, op, health };
  // Manifests first: they say what else there should be.
  for (const needed of manifestsNeeded(shelf)) await checkBlob(check, needed);
  for (const needed of partsNeeded(shelf)) await checkBlob(check, needed);
  return { health, blobs, bytes };
}

async function checkBlob(check: BlobCheck, needed: Needed): Promise<void> {
  const { shelf, report, op, health } = check;
  const { blob, role, chainId } = needed;
  op.signal.throwIfAborted();
  const problem = health.problem(blob);
  if (problem === null) return;
  const images = [...needed.images].filter((id) => shelf.catalog.recordOf(id) !== undefined);
  if (images.length === 0) return; // removed meanwhile
  const sources: Sources = {
    repositories: repositoriesOf(shelf, images),
    unpacked: chainId !== undefined && shelf.snapshots.hasLayer(chainId) ? chainId : null,
  };
  const found = {
    kind: "blob" as const,
    id: blob.digest,
    usedBy: images.map((id) => shownImage(shelf, id)),
    problem: `${role}: ${problem}`,
    advice: adviceFor(sources),
  };
  const fix = async (): Promise<string> => {
    const done = await replaceBlob(check, needed, sources);
    health.mended(blob.digest);
    return done;
  };
  const isHopeless = sources.repositories.length === 0 && sources.unpacked === null;
  await (isHopeless ? report.finding(found) : report.finding(found, fix));
}

/** What a blob can be had from. */
interface Sources {
  readonly repositories: readonly Reference[];
  /** Chain id of the layer that was unpacked from it. */
  readonly unpacked: Digest | null;
}

/** From the layer that is here, if that gives the blob; else from where the image came. */
async function replaceBlob(
  { shelf, config, request, op }: BlobCheck,
  { blob, role }: Needed,
  { repositories, unpacked }: Sources,
): Promise<string> {
  if (unpacked !== null) {
    try {
      return await repack(shelf, unpacked, blob, op);
    } catch (error) {
      if (!isKind(error, "dataLoss") || repositories.length === 0) throw error;
    }
  }
  const wanted = { blob, isManifest: role === "manifest" || role === "index" };
  return refetch(shelf, config, repositories, wanted, request.authFor, op);
}

function adviceFor({ repositories, unpacked }: Sources): string {
  const from = repositories.map(familiarRepository).join(" or ");
  if (unpacked !== null) return "dhow system check --repair tries to pack it again from the unpacked layer";
  if (from !== "") return `dhow system check --repair fetches it from ${from}`;
  return "no registry is recorded that it came from: load the image again (dhow load), or remove it (dhow rmi)";
}
