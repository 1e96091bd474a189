import type { Readable } from "node:stream";
import type { ImageLayers } from "../../api/image-files.ts";
import type { Digest } from "../../lib/digest.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";

/** What the routes need that tell of images what Docker's do not. */
export interface ImagePartsBackend {
  layers(names: readonly string[], op: Operation): Promise<ImageLayers[]>;
  files(
    name: string,
    query: { readonly from: number; readonly digestsFrom: number | undefined },
    op: Operation,
  ): Promise<Readable>;
  lacks(blobs: readonly { readonly digest: Digest; readonly size: number }[], op: Operation): Promise<Digest[]>;
  save(
    names: readonly string[],
    query: { platforms: readonly string[]; without: ReadonlySet<Digest> },
    op: Operation,
  ): Promise<Readable>;
}

/** Handlers of those routes. */
export function imagePartsHandlers(images: ImagePartsBackend) {
  return {
    imageLayers: async ({ query, op }) => images.layers(query.names, op),
    imageLacks: async ({ body, op }) => {
      const blobs = body.Blobs.map(({ Digest: digest, Size: size }) => ({ digest, size }));
      return { Lacks: await images.lacks(blobs, op) };
    },
    imageSaveParts: async ({ body, op }) => {
      const names = body.Names ?? [];
      if (names.length === 0) throw invalidArgument("no image names given");
      const query = { platforms: body.Platforms ?? [], without: new Set(body.Without) };
      return { type: "application/x-tar", stream: await images.save(names, query, op) };
    },
    imageFiles: async ({ params, query, op }) => {
      const { from = 0, digestsFrom } = query;
      for (const index of [from, digestsFrom ?? 0]) {
        if (!Number.isInteger(index) || index < 0) throw invalidArgument(`invalid index of a layer: ${index}`);
      }
      return { type: "application/x-ndjson", stream: await images.files(params.name, { from, digestsFrom }, op) };
    },
  } satisfies Partial<Handlers>;
}
