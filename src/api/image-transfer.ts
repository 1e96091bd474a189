/** Moving images between engines: what one lacks, and what the other sends. */
import * as v from "valibot";
import { type Digest, isDigest } from "../lib/digest.ts";
import { texts } from "./wire.ts";

const digest = v.custom<Digest>(isDigest, "invalid digest");

/** Most blobs that one request may name. */
const maxBlobs = 100_000;

/** The body of `POST /dhow/v1/images/lacks`. */
export const ImageLacksRequest = v.object({
  Blobs: v.pipe(
    v.array(v.object({ Digest: digest, Size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) })),
    v.maxLength(maxBlobs),
  ),
});
export type ImageLacksRequest = v.InferOutput<typeof ImageLacksRequest>;

/** Those of the blobs asked about that the engine has not, or not whole. */
export interface ImageLacks {
  Lacks: string[];
}

/** The body of `POST /dhow/v1/images/save`: as the query of Docker's `GET /images/get`, and blobs to leave out. */
export const ImageSaveRequest = v.object({
  Names: texts(),
  Platforms: texts(),
  Without: v.pipe(v.nullish(v.array(digest), []), v.maxLength(maxBlobs)),
});
export type ImageSaveRequest = v.InferInput<typeof ImageSaveRequest>;
