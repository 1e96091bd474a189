/** Statements about an image as the manifest that goes into an index beside it. */
import { type Descriptor, mediaTypes } from "../../images/manifest.ts";
import type { Digest } from "../../lib/digest.ts";
import { hexOf } from "../../lib/digest.ts";
import { formatPlatform, type Platform } from "../../lib/platform.ts";
import { familiarRepository, parseReference, withDefaultTag } from "../../lib/reference.ts";
import type { BuilderOutputs, BuildHold } from "../collaborators.ts";

/** One claim, without what it is about. */
export interface Statement {
  readonly predicateType: string;
  readonly predicate: unknown;
  /** What its file is called where an output is files. */
  readonly fileName: string;
  /** Names of the image that it is about. */
  readonly names: readonly string[];
  readonly platform: Platform;
}

const statementType = "https://in-toto.io/Statement/v0.1";
const layerType = "application/vnd.in-toto+json";
const artifactType = "application/vnd.docker.attestation.manifest.v1+json";
const emptyType = "application/vnd.oci.empty.v1+json";

/** As in-toto has it; the subjects are the image's names, or the digest alone. */
export function statementOf(
  { predicateType, predicate, names, platform }: Statement,
  digest: Digest | null,
): Record<string, unknown> {
  const sha256 = digest === null ? {} : { sha256: hexOf(digest) };
  const subjects = names.map((name) => ({ name: packageUrl(name, platform), digest: sha256 }));
  const anonymous = digest === null ? [] : [{ name: "_", digest: sha256 }];
  return {
    _type: statementType,
    predicateType,
    subject: subjects.length > 0 && digest !== null ? subjects : anonymous,
    predicate,
  };
}

/** `pkg:docker/busybox@latest?platform=linux%2Famd64`, as the purl specification has it. */
export function packageUrl(name: string, platform: Platform): string {
  const reference = withDefaultTag(parseReference(name));
  const version = reference.tag ?? "latest";
  const query = new URLSearchParams({ platform: formatPlatform(platform) });
  if (reference.digest !== null) query.set("digest", reference.digest);
  return `pkg:docker/${familiarRepository(reference)}@${version}?${query}`;
}

/** Stores the manifest and what it names; `entry` is its place in the index. */
export async function attestationManifest(
  { outputs, hold }: { readonly outputs: BuilderOutputs; readonly hold: BuildHold },
  image: Descriptor,
  statements: readonly Statement[],
  isArtifact: boolean,
): Promise<{ manifest: Descriptor; entry: object; blobs: Descriptor[] }> {
  const put = async (value: unknown) => await outputs.put(hold, Buffer.from(JSON.stringify(value)));
  const layers: Descriptor[] = [];
  for (const statement of statements) {
    const stored = await put(statementOf(statement, image.digest));
    const annotations = { "in-toto.io/predicate-type": statement.predicateType };
    layers.push({ mediaType: layerType, ...stored, annotations });
  }
  const config = isArtifact
    ? { mediaType: emptyType, ...(await put({})) }
    : { mediaType: mediaTypes.ociConfig, ...(await put(unknownConfig(layers))) };
  const { mediaType, digest, size } = image;
  const manifest = {
    mediaType: mediaTypes.ociManifest,
    ...(await put({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      ...(isArtifact ? { artifactType } : {}),
      config,
      layers,
      ...(isArtifact ? { subject: { mediaType, digest, size } } : {}),
    })),
  };
  const entry = {
    ...manifest,
    annotations: { "vnd.docker.reference.digest": digest, "vnd.docker.reference.type": "attestation-manifest" },
    platform: { architecture: "unknown", os: "unknown" },
  };
  return { manifest, entry, blobs: [...layers, config] };
}

const unknownConfig = (layers: readonly Descriptor[]): object => ({
  architecture: "unknown",
  os: "unknown",
  config: {},
  rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
});
