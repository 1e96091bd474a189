/** Images brought into the repository of the project that uses them. */
import type { OCIDescriptor } from "../../../api/images.ts";
import { type Digest, isDigest } from "../../../lib/digest.ts";
import { invalidArgument, messageOf } from "../../../lib/errors.ts";
import { formatReference, type Reference } from "../../../lib/reference.ts";
import { parseStrictJson } from "../../../lib/strict-json.ts";
import { RegistryClient } from "../../../registry/client.ts";
import { isImageType, isIndexType } from "../../../registry/media-types.ts";
import type { RegistryOptions } from "../../../registry/transport.ts";
import { RegistryUploads, type Upload } from "../../../registry/uploads.ts";
import { never } from "../../manifest/registry.ts";

const mostManifestBytes = 8 << 20;
/** An index may hold another; deeper ones are nobody's image. */
const deepest = 4;

export interface ImageCopy {
  readonly source: RegistryOptions;
  readonly from: Reference;
  readonly target: RegistryOptions;
  /** The repository that gets it. */
  readonly to: Reference;
}

/** Copies an image, with all platforms that it is for; answers its descriptor. */
export async function copyImage({ source, from, target, to }: ImageCopy): Promise<OCIDescriptor> {
  const isNear = source.domain === target.domain;
  const near = isNear && from.path !== to.path ? [from.path] : [];
  const how: Copying = {
    client: new RegistryClient(source),
    uploads: new RegistryUploads(target, to.path, near),
    path: from.path,
    isHere: isNear && from.path === to.path,
    mountsFrom: near[0] ?? null,
  };
  try {
    return await copyManifest(how, from.digest ?? from.tag ?? "latest", 0);
  } catch (error) {
    throw new Error(`failed to copy ${formatReference(from)}: ${messageOf(error)}`, { cause: error });
  }
}

interface Copying {
  readonly client: RegistryClient;
  readonly uploads: RegistryUploads;
  readonly path: string;
  /** The repository has it already. */
  readonly isHere: boolean;
  /** A repository of the same registry to take blobs from. */
  readonly mountsFrom: string | null;
}

async function copyManifest(how: Copying, reference: string, depth: number): Promise<OCIDescriptor> {
  const { bytes, mediaType, digest } = await how.client.manifest(how.path, reference, mostManifestBytes, never);
  const type = mediaType.split(";")[0]?.trim() ?? "";
  if (depth > deepest || !(isImageType(type) || isIndexType(type))) {
    throw invalidArgument(`${digest} is not an image, but ${JSON.stringify(type)}`);
  }
  const descriptor = { mediaType: type, digest, size: bytes.length };
  if (how.isHere) return descriptor;
  const fields = parseStrictJson(bytes.toString("utf8")) as Readonly<Record<string, unknown>>;
  if (isIndexType(type)) {
    for (const child of digestsOf(fields.manifests)) await copyManifest(how, child, depth + 1);
  } else {
    for (const blob of digestsOf([fields.config, ...listOf(fields.layers)])) await copyBlob(how, blob);
  }
  await how.uploads.manifest(digest, bytes, type, never);
  return descriptor;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The digests of descriptors, those of content that is kept elsewhere (`urls`) left out. */
function digestsOf(descriptors: unknown): Digest[] {
  return listOf(descriptors).flatMap((value) => {
    const { digest, urls } = (value ?? {}) as { digest?: unknown; urls?: unknown };
    if (listOf(urls).length > 0) return [];
    if (!isDigest(digest)) throw invalidArgument("a descriptor without a digest");
    return [digest];
  });
}

async function copyBlob({ client, uploads, path, mountsFrom }: Copying, digest: Digest): Promise<void> {
  if (await uploads.has(digest, never)) return;
  let session: Upload | null;
  if (mountsFrom === null) session = await uploads.begin(never);
  else session = await uploads.mount(digest, mountsFrom, never);
  if (session === null) return;
  const { body } = await client.blob(path, digest, 0, never);
  await uploads.finish(await uploads.append(session, body, never), digest, never);
}
