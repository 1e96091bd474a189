/** Sending a project's files to a registry. */

import type { PublishedFile } from "../../../compose/publish/files.ts";
import { type Digest, digestOf } from "../../../lib/digest.ts";
import { RegistryRefusal } from "../../../registry/refusal.ts";
import type { RegistryUploads } from "../../../registry/uploads.ts";
import { never } from "../../manifest/registry.ts";
import { type Artifact, type OciVersion, projectArtifact } from "./manifest.ts";

export interface Pushed {
  readonly artifact: Artifact;
  readonly digest: Digest;
}

/** Sends the files under `tag`. Without a version OCI 1.1 is tried, and 1.0 where the registry takes no artifacts of a type. */
export async function pushProject(
  uploads: RegistryUploads,
  tag: string,
  files: readonly PublishedFile[],
  version: OciVersion | null,
): Promise<Pushed> {
  const created = new Date().toISOString().replace(/\.\d+/, "");
  const push = async (one: OciVersion): Promise<Pushed> => {
    const artifact = projectArtifact(files, one, created);
    for (const blob of artifact.blobs) await pushBlob(uploads, blob);
    const bytes = Buffer.from(artifact.text);
    return { artifact, digest: await uploads.manifest(tag, bytes, artifact.mediaType, never) };
  };
  if (version !== null) return await push(version);
  return await push("1.1").catch((error: unknown) => {
    const isTaken = error instanceof RegistryRefusal && error.status >= 400 && error.status < 500;
    if (!isTaken || [401, 403, 407].includes(error.status)) throw error;
    return push("1.0");
  });
}

async function pushBlob(uploads: RegistryUploads, bytes: Uint8Array): Promise<void> {
  const digest = digestOf(bytes);
  if (await uploads.has(digest, never)) return;
  const upload = await uploads.begin(never);
  const body = new Response(Uint8Array.from(bytes)).body;
  const location = body ? await uploads.append(upload, body, never) : upload.location;
  await uploads.finish(location, digest, never);
}
