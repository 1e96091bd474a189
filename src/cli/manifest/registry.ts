/** What `manifest` asks of registries, by itself and not through a daemon, as Docker's client does. */
import type { AuthConfig } from "../../api/system.ts";
import { type Digest, digestOf } from "../../lib/digest.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseJson } from "../../lib/json.ts";
import { formatReference, type Reference } from "../../lib/reference.ts";
import { RegistryClient } from "../../registry/client.ts";
import { isImageType, isIndexType, ociImage } from "../../registry/media-types.ts";
import { RegistryRefusal, RegistryUnreachable } from "../../registry/refusal.ts";
import type { RegistryOptions } from "../../registry/transport.ts";
import type { Cli } from "../cli.ts";
import { hubAddress, storedCredentials } from "../image/auth.ts";
import { digestIn, fieldsOf, type ImageManifest } from "./image-manifest.ts";
import { platformIn } from "./platform.ts";

/** Most bytes of a manifest or a configuration, as pulls take them. */
const sizeLimit = 8 << 20;

/** A command is ended, not cancelled. */
export const never = new AbortController().signal;

/** How the registry of `reference` may be spoken to, with the credentials that are stored for it. */
export async function registryOptions(
  cli: Cli,
  { domain }: Reference,
  options: Pick<RegistryOptions, "httpsOnly"> & { readonly insecure: boolean },
): Promise<RegistryOptions> {
  const stored = await storedCredentials(cli, domain === "docker.io" ? hubAddress : domain);
  const auth: AuthConfig | undefined = stored ? { ...noCredentials, ...stored } : undefined;
  const onWarning = (text: string): void => cli.err(`WARNING: registry ${domain}: ${text}\n`);
  return { domain, auth, keepAlive: true, onWarning, ...options, insecure: options.insecure ? [domain] : [] };
}

const noCredentials = { username: "", password: "", auth: "", email: "", identitytoken: "", registrytoken: "" };

/** What a reference leads to: one image, or a list with all of its images. */
export type Found =
  | { readonly kind: "image"; readonly image: ImageManifest }
  | { readonly kind: "list"; readonly images: readonly ImageManifest[] };

/** Fetches what a reference leads to. `insecure` lets the registry be one without TLS or with an unknown certificate. */
export async function fetchManifest(cli: Cli, reference: Reference, insecure: boolean): Promise<Found> {
  // Without the flag not even loopback is asked over HTTP: Docker's client does not either.
  const client = new RegistryClient(await registryOptions(cli, reference, { insecure, httpsOnly: !insecure }));
  try {
    const { tag, digest } = reference;
    const { bytes, isList } = await fetchOne(client, reference, digest ?? tag ?? "latest");
    if (!isList) return { kind: "image", image: await describe(client, reference, bytes) };
    const images: ImageManifest[] = [];
    for (const entry of entriesOf(bytes)) {
      const part = await fetchOne(client, reference, entry.digest);
      if (part.isList) throw new Error(`unsupported manifest type: ${entry.digest} is a list within the list`);
      const image = await describe(client, { ...reference, digest: entry.digest }, part.bytes);
      // What the list says of a platform counts, not what the image says.
      images.push({ ...image, descriptor: { ...image.descriptor, platform: platformIn(entry.platform) } });
    }
    return { kind: "list", images };
  } catch (error) {
    throw new Error(fetchFailure(error, reference), { cause: error });
  }
}

/** The bytes that a name stands for, whatever they are; loopback may be asked without TLS. */
export async function fetchRaw(cli: Cli, reference: Reference): Promise<{ bytes: Buffer; mediaType: string }> {
  const client = new RegistryClient(await registryOptions(cli, reference, { insecure: false }));
  const { tag, digest, path } = reference;
  try {
    const { bytes, mediaType } = await client.manifest(path, digest ?? tag ?? "latest", sizeLimit, never);
    return { bytes, mediaType };
  } catch (error) {
    throw new Error(fetchFailure(error, reference), { cause: error });
  }
}

async function fetchOne(
  client: RegistryClient,
  { path }: Reference,
  tagOrDigest: string,
): Promise<{ bytes: Buffer; isList: boolean }> {
  const { bytes, mediaType } = await client.manifest(path, tagOrDigest, sizeLimit, never);
  const type = mediaType.split(";")[0]?.trim() ?? "";
  if (!isImageType(type) && !isIndexType(type)) {
    throw new Error(`${path}: ${tagOrDigest} is not a manifest, but ${JSON.stringify(type)}`);
  }
  return { bytes, isList: isIndexType(type) };
}

function entriesOf(bytes: Buffer): { digest: Digest; platform: unknown }[] {
  const { manifests } = fieldsOf(bytes);
  return (Array.isArray(manifests) ? manifests : []).map((entry: unknown) => {
    const digest = digestIn(entry);
    if (digest === null)
      throw new Error(`an entry of the list names no digest: ${JSON.stringify(entry)?.slice(0, 200)}`);
    return { digest, platform: (entry as { platform?: unknown }).platform };
  });
}

/** An image's manifest with its platform, which its configuration tells. */
async function describe(client: RegistryClient, reference: Reference, bytes: Buffer): Promise<ImageManifest> {
  const { mediaType, config } = fieldsOf(bytes);
  const digest = digestIn(config);
  if (digest === null) throw new Error(`${formatReference(reference)} names no configuration`);
  const configuration = await client.smallBlob(reference.path, digest, sizeLimit, never);
  const descriptor = {
    mediaType: typeof mediaType === "string" && isImageType(mediaType) ? mediaType : ociImage,
    digest: digestOf(bytes),
    size: bytes.length,
    platform: platformIn(parseJson(configuration.toString("utf8"))),
  };
  return { ref: formatReference(reference), descriptor, bytes };
}

/** Why a manifest cannot be had, in the words of Docker's client. */
function fetchFailure(error: unknown, reference: Reference): string {
  const isAbsent = error instanceof RegistryRefusal && error.status === 404 && error.code !== "BLOB_UNKNOWN";
  const isPlain = error instanceof RegistryUnreachable && error.speaksNoTls;
  return isAbsent || isPlain ? `no such manifest: ${formatReference(reference)}` : failureWords(error);
}

/** What went wrong with a registry, in the words of Docker's client. */
export function failureWords(error: unknown): string {
  if (error instanceof RegistryRefusal && error.code !== "") {
    const code = error.code.toLowerCase().replaceAll("_", " ");
    return `${code}: ${error.detail}`;
  }
  if (error instanceof RegistryUnreachable) {
    return `failed to configure transport: error pinging v2 registry: ${error.message}`;
  }
  // The daemon begins with HEAD, and Docker's client with GET.
  return messageOf(error).replace(/^Head (".*": no basic auth credentials)$/, "Get $1");
}
