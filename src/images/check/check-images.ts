/** The part of `system check` that is about images: records, blobs, unpacked layers, and what is left over. */
import type { Operation } from "../../lib/operation.ts";
import type { ImagesConfig } from "../images.ts";
import type { Shelf } from "../shelf.ts";
import { checkBlobs } from "./check-blobs.ts";
import { checkLayers } from "./check-layers.ts";
import { checkLeftovers } from "./check-leftovers.ts";
import { checkImageRecords } from "./check-records.ts";
import type { CheckReport, ImageCheckRequest, ImageCheckTotals } from "./report.ts";

export async function checkImages(
  shelf: Shelf,
  config: ImagesConfig,
  request: ImageCheckRequest,
  report: CheckReport,
  op: Operation,
): Promise<ImageCheckTotals> {
  await checkImageRecords(shelf, report);
  const { health, blobs, bytes } = await checkBlobs(shelf, config, request, report, op);
  const layers = await checkLayers(shelf, health, request, report, op);
  if (request.leftovers) await checkLeftovers(shelf, request, report);
  return { images: shelf.catalog.ids().length, blobs, bytes, layers };
}
