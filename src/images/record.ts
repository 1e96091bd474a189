/** What is kept of images: one row per image, one per name. */
import * as v from "valibot";
import { isDigest } from "../lib/digest.ts";
import type { Database } from "../state/database.ts";
import { RecordStore } from "../state/record-store.ts";
import { Descriptor } from "./manifest.ts";

const ImageRecord = v.object({
  /** The image's own manifest. */
  manifest: Descriptor,
  /** What the name led to: the manifest, or the index that listed it. */
  target: Descriptor,
  /** The image it was committed from; "" for none. */
  parent: v.string(),
  /** RFC 3339; "" when it was never tagged here. */
  lastTagged: v.string(),
});
/** One image; its id is its config's digest. */
export type ImageRecord = v.InferOutput<typeof ImageRecord>;

const NameRecord = v.object({ image: v.custom<`sha256:${string}`>(isDigest) });
/** One name in full (`docker.io/library/busybox:latest`, or with `@sha256:...`) and the image it leads to. */
export type NameRecord = v.InferOutput<typeof NameRecord>;

export interface ImageRecords {
  readonly db: Database;
  readonly images: RecordStore<ImageRecord>;
  readonly names: RecordStore<NameRecord>;
}

export function openImageRecords(db: Database): ImageRecords {
  return {
    db,
    images: new RecordStore(db, { table: "images", version: 1, parse: (value) => v.parse(ImageRecord, value) }),
    names: new RecordStore(db, { table: "image_names", version: 1, parse: (value) => v.parse(NameRecord, value) }),
  };
}
