/** An image of two platforms, one packed by gzip and one by zstd, that travels between registries; and whether it came through whole. */
import { type Digest, digestOf } from "../../src/lib/digest.ts";
import { ociImage, ociIndex } from "../../src/registry/media-types.ts";
import { RegistryWriter, type Written } from "./registry-writer.ts";

export interface Source {
  readonly index: Digest;
  readonly amd64: Written;
  /** Its layers are zstd. */
  readonly arm64: Written;
}

/** The repository and tag of the source. */
export const sourceName = "src/app:1";

export async function putSource(host: string): Promise<Source> {
  const writer = new RegistryWriter(host);
  const amd64 = await writer.image("src/app", "amd64", {
    layers: ["one", "two"],
    indent: 1,
    annotations: { a: "<&>" },
  });
  const arm64 = await writer.image("src/app", "arm64", {
    architecture: "arm64",
    variant: "v8",
    layerType: "application/vnd.oci.image.layer.v1.tar+zstd",
    pack: (tar) => Bun.zstdCompressSync(tar),
    indent: "\t",
  });
  const platform = (architecture: string, variant?: string) => ({
    platform: { architecture, os: "linux", ...(variant ? { variant } : {}) },
  });
  const { digest } = await writer.index("src/app", "1", [
    { ...amd64, ...platform("amd64") },
    // skopeo since 1.14 adds this where it is missing, and then cannot keep the index as it is.
    { ...arm64, ...platform("arm64", "v8"), annotations: { "io.github.containers.compression.zstd": "true" } },
  ]);
  return { index: digest, amd64, arm64 };
}

/** The bytes of a manifest as the registry has them; throws when there is none. */
export async function manifestAt(host: string, repository: string, reference: string): Promise<Buffer> {
  const headers = { accept: [ociIndex, ociImage, "application/vnd.docker.distribution.manifest.v2+json"].join(", ") };
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { headers });
  if (!response.ok) throw new Error(`${host}/${repository}:${reference}: ${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

interface Parts {
  readonly config?: { readonly digest: Digest };
  readonly layers?: readonly { readonly digest: Digest }[];
  readonly manifests?: readonly { readonly digest: Digest }[];
}

/** The digests of the blobs that a manifest names, the configuration first. */
export function blobsIn(manifest: Uint8Array): Digest[] {
  const { config, layers = [] } = JSON.parse(Buffer.from(manifest).toString()) as Parts;
  return [...(config ? [config] : []), ...layers].map(({ digest }) => digest);
}

/** Fetches everything that a reference leads to, and throws unless each manifest and blob has the digest it is named by. */
export async function checkWhole(host: string, repository: string, reference: string): Promise<Digest> {
  const bytes = await manifestAt(host, repository, reference);
  const digest = digestOf(bytes);
  if (reference.includes(":") && reference !== digest) throw new Error(`${repository}@${reference} is ${digest}`);
  for (const blob of blobsIn(bytes)) {
    const response = await fetch(`http://${host}/v2/${repository}/blobs/${blob}`);
    const got = digestOf(new Uint8Array(await response.arrayBuffer()));
    if (got !== blob) throw new Error(`${host}/${repository}: blob ${blob} is ${got} (${response.status})`);
  }
  const { manifests = [] } = JSON.parse(bytes.toString()) as Parts;
  for (const part of manifests) await checkWhole(host, repository, part.digest);
  return digest;
}
