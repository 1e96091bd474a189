/** Gives a build out: to every output in turn, and says what `--metadata-file` is to hold. */

import { invalidArgument, notImplemented } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { formatReference, parseReference, withDefaultTag } from "../../lib/reference.ts";
import type { BuiltImage } from "../builder.ts";
import type { BuilderOptions, BuildHold } from "../collaborators.ts";
import type { Output } from "../request-results.ts";
import type { Credentials } from "../request-sources.ts";
import { readArchiveOptions, readFilesOptions, readImageOptions } from "./attributes.ts";
import { outputFiles, writeTree } from "./files-output.ts";
import { outputImage } from "./image-output.ts";
import { type ImageSet, imageSet, type Target } from "./image-set.ts";
import { sendBlobs, writeLayout } from "./layout-archive.ts";

export interface ExportRequest {
  readonly outputs: readonly Output[];
  /** As the user wrote them. */
  readonly names: readonly string[];
  readonly auths: Credentials;
  /** Of which the attestations that every output shows; those of images alone are told by `forImages`. */
  readonly targets: readonly Target[];
  /** With the statements that only go where they lie beside an image at a registry or in a layout. */
  readonly forImages: readonly Target[];
}

type Parts = Pick<BuilderOptions, "images" | "snapshots" | "paths"> & { readonly hold: BuildHold };

/** Refuses attributes that nobody understands, before anything is done for them. */
export function checkOutputs(outputs: readonly Output[]): void {
  for (const output of outputs) {
    if (output.type === "image") readImageOptions(output.attributes, output.push);
    else if (output.type === "oci" || output.type === "docker") {
      const { isDirectory } = readArchiveOptions(output.type, output.attributes);
      if (isDirectory && !output.blobs)
        throw invalidArgument(`output type ${output.type} with tar=false needs a client that takes it`);
    } else if (output.type === "tar" || output.type === "local") readFilesOptions(output.type, output.attributes);
    else throw notImplemented(`output type ${(output as { type: string }).type} is not supported by this engine`);
  }
}

export async function exportAll(parts: Parts, request: ExportRequest, op: Operation): Promise<BuiltImage> {
  let built: BuiltImage = { id: "", names: [], facts: {} };
  for (const output of request.outputs) {
    op.signal.throwIfAborted();
    const given = await exportOne(parts, request, output, op);
    built = {
      id: built.id || given.id,
      names: [...new Set([...built.names, ...given.names])],
      facts: { ...built.facts, ...given.facts },
    };
  }
  return built;
}

async function exportOne(parts: Parts, request: ExportRequest, output: Output, op: Operation): Promise<BuiltImage> {
  const setParts = { outputs: parts.images.outputs, hold: parts.hold };
  const { targets, forImages, names, auths } = request;
  const epoch = targets[0]?.epoch ?? null;
  switch (output.type) {
    case "image": {
      const options = readImageOptions(output.attributes, output.push);
      const all = [...new Set([...names, ...options.names])];
      const own = options.push ? forImages : targets;
      const made = await outputImage(setParts, { targets: own, options, names: all, auths }, op);
      return { id: made.id, names: made.names, facts: factsOf(made.set, made.names) };
    }
    case "oci":
    case "docker": {
      const options = readArchiveOptions(output.type, output.attributes);
      const isDocker = output.type === "docker";
      const set = await imageSet(setParts, isDocker ? targets : forImages, options, op);
      const all = [...new Set([...names, ...options.names])];
      const pathOf = parts.images.pathOf.bind(parts.images);
      if (options.isDirectory && output.blobs) await sendBlobs(set, pathOf, output.blobs, op);
      else await writeLayout({ set, names: all, isDocker, epoch, pathOf }, await output.open(), op);
      return { id: "", names: [], facts: factsOf(set, all) };
    }
    case "tar":
    case "local": {
      const options = readFilesOptions(output.type, output.attributes);
      const give = async (root: string): Promise<void> =>
        output.type === "local"
          ? await output.receive({ root, epoch })
          : await writeTree(parts, root, epoch, await output.open(), op);
      await outputFiles(parts, targets, options, give, op);
      return { id: "", names: [], facts: {} };
    }
  }
}

/** What BuildKit's clients write into the file of `--metadata-file`. */
function factsOf(set: ImageSet, names: readonly string[]): Record<string, string> {
  const [only, ...others] = set.images;
  const annotations =
    only && others.length === 0 ? { "config.digest": only.config.digest, ...createdOf(only.target) } : {};
  const descriptor = { mediaType: set.top.mediaType, digest: set.top.digest, size: set.top.size, annotations };
  return {
    "containerimage.digest": set.top.digest,
    ...(only && others.length === 0 ? { "containerimage.config.digest": only.config.digest } : {}),
    "containerimage.descriptor": base64Json(descriptor),
    ...(names.length > 0 ? { "image.name": names.map(wholeName).join(",") } : {}),
  };
}

/** With its registry and a tag, as BuildKit tells it. */
const wholeName = (name: string): string => formatReference(withDefaultTag(parseReference(name)));

/** How clients are told what is no plain text. */
export const base64Json = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64");

function createdOf({ file }: Target): Record<string, string> {
  return typeof file.created === "string" ? { "org.opencontainers.image.created": file.created } : {};
}
