/** What a registry has under a name, without a pull. */
import type { DistributionInspect } from "../api/images.ts";
import type { AuthConfig } from "../api/system.ts";
import type { Operation } from "../lib/operation.ts";
import { parseReference, withDefaultTag } from "../lib/reference.ts";
import { RegistryClient } from "../registry/client.ts";
import type { ImagesConfig } from "./images.ts";
import { maxManifestSize, parseConfig, parseManifest, platformOf } from "./manifest.ts";

/** Asks for the manifest, and for the configuration of an image that is for one platform only. */
export async function distribution(
  config: ImagesConfig,
  name: string,
  auth: AuthConfig | undefined,
  op: Operation,
): Promise<DistributionInspect> {
  const { domain, path, tag, digest } = withDefaultTag(parseReference(name));
  const client = new RegistryClient({ domain, insecure: config.registry.insecure, auth });
  const got = await client.manifest(path, digest ?? tag ?? "", maxManifestSize, op.signal);
  const parsed = parseManifest(got.bytes, got.mediaType);
  const Descriptor = { mediaType: parsed.mediaType, digest: got.digest, size: got.bytes.length };
  if (parsed.kind === "index") {
    const Platforms = parsed.index.manifests.flatMap(({ platform }) => (platform ? [shown(platform)] : []));
    return { Descriptor, Platforms };
  }
  const bytes = await client.smallBlob(path, parsed.manifest.config.digest, maxManifestSize, op.signal);
  return { Descriptor, Platforms: [shown(platformOf(parseConfig(bytes)))] };
}

function shown({ os, architecture, variant }: { os: string; architecture: string; variant?: string | undefined }) {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}
