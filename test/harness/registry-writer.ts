/** Puts images into a registry by the distribution API alone, so that each byte of them is the test's own choice. */
import { type Digest, digestOf } from "../../src/lib/digest.ts";
import { ociImage, ociIndex } from "../../src/registry/media-types.ts";
import { tarOf } from "../fixtures/tar-builder.ts";

export interface ImageParts {
  readonly architecture?: string;
  readonly os?: string;
  readonly variant?: string;
  /** How the manifest is laid out; the specification leaves it open. */
  readonly indent?: string | number;
  readonly mediaType?: string;
  readonly layerType?: string;
  readonly pack?: (tar: Uint8Array<ArrayBuffer>) => Uint8Array | Promise<Uint8Array>;
  /** One layer with one file for each. */
  readonly layers?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly configuration?: Readonly<Record<string, unknown>>;
}

export interface Written {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** What an index says of one of its images. */
interface Entry {
  readonly platform?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export class RegistryWriter {
  readonly #origin: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(host: string, headers: Readonly<Record<string, string>> = {}) {
    this.#origin = `http://${host}`;
    this.#headers = headers;
  }

  async blob(repository: string, bytes: Uint8Array): Promise<Digest> {
    const begun = await this.#send("POST", `/v2/${repository}/blobs/uploads/`, new Uint8Array(0));
    const location = new URL(begun.headers.get("location") ?? "", this.#origin);
    const digest = digestOf(bytes);
    location.searchParams.set("digest", digest);
    await this.#send("PUT", location.href, bytes, { "content-type": "application/octet-stream" });
    return digest;
  }

  /** Under its digest when `tag` is null. */
  async manifest(repository: string, tag: string | null, text: string, mediaType: string): Promise<Written> {
    const bytes = Buffer.from(text);
    const digest = digestOf(bytes);
    await this.#send("PUT", `/v2/${repository}/manifests/${tag ?? digest}`, bytes, { "content-type": mediaType });
    return { digest, bytes, mediaType };
  }

  async image(repository: string, tag: string | null, parts: ImageParts = {}): Promise<Written> {
    const { architecture = "amd64", os = "linux", variant, mediaType = ociImage, layers = ["hello"] } = parts;
    const { layerType = "application/vnd.oci.image.layer.v1.tar+gzip", pack = Bun.gzipSync } = parts;
    const diffs: Digest[] = [];
    const descriptors = [];
    for (const name of layers) {
      const tar = new Uint8Array(tarOf({ path: name, type: "file", data: `${name} for ${architecture}\n` }));
      const packed = await pack(tar);
      diffs.push(digestOf(tar));
      const digest = await this.blob(repository, packed);
      descriptors.push({ mediaType: layerType, digest, size: packed.length });
    }
    const configuration = Buffer.from(
      JSON.stringify({
        architecture,
        os,
        ...(variant === undefined ? {} : { variant }),
        config: { Cmd: ["/hello"] },
        rootfs: { type: "layers", diff_ids: diffs },
        history: layers.map((name) => ({ created_by: `COPY ${name} / # <&>` })),
        ...parts.configuration,
      }),
    );
    const config = {
      mediaType:
        mediaType === ociImage
          ? "application/vnd.oci.image.config.v1+json"
          : "application/vnd.docker.container.image.v1+json",
      digest: await this.blob(repository, configuration),
      size: configuration.length,
    };
    const { annotations } = parts;
    const manifest = {
      schemaVersion: 2,
      mediaType,
      config,
      layers: descriptors,
      ...(annotations ? { annotations } : {}),
    };
    return this.manifest(repository, tag, JSON.stringify(manifest, null, parts.indent), mediaType);
  }

  index(
    repository: string,
    tag: string,
    entries: readonly (Written & Entry)[],
    mediaType: string = ociIndex,
  ): Promise<Written> {
    const manifests = entries.map(({ digest, bytes, mediaType: type, platform, annotations }) => ({
      mediaType: type,
      digest,
      size: bytes.length,
      ...(platform ? { platform } : {}),
      ...(annotations ? { annotations } : {}),
    }));
    return this.manifest(repository, tag, JSON.stringify({ schemaVersion: 2, mediaType, manifests }), mediaType);
  }

  async #send(
    method: string,
    target: string,
    body: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const url = new URL(target, this.#origin);
    const response = await fetch(url, { method, body, headers: { ...this.#headers, ...headers } });
    if (!response.ok) throw new Error(`${method} ${url.href}: ${response.status} ${await response.text()}`);
    return response;
  }
}
