/** Raw requests to a registry, and what tests put into one. */
import { expect } from "bun:test";

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
export const indexType = "application/vnd.oci.image.index.v1+json";

export const digestOf = (bytes: string | Uint8Array): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

/** An answer's status and the first of its error codes. */
export async function codeOf(response: Response): Promise<[number, string]> {
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  return [response.status, errors[0]?.code ?? ""];
}

export interface Pushed {
  readonly digest: string;
  readonly body: string;
}

export class RegistryCalls {
  readonly #headers: Readonly<Record<string, string>>;

  /** `credentials` are `USER:PASSWORD`, sent with every request. */
  constructor(
    readonly host: string,
    credentials?: string,
  ) {
    this.#headers = credentials === undefined ? {} : { authorization: `Basic ${btoa(credentials)}` };
  }

  call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) };
    return fetch(new URL(path, `http://${this.host}`), { method, redirect: "manual", ...init, headers });
  }

  async pushBlob(name: string, bytes: string | Uint8Array): Promise<{ digest: string; size: number }> {
    const begun = await this.call("POST", `/v2/${name}/blobs/uploads/`);
    const digest = digestOf(bytes);
    const put = await this.call("PUT", `${begun.headers.get("location")}?digest=${digest}`, { body: bytes });
    expect(put.status).toBe(201);
    return { digest, size: Buffer.byteLength(bytes) };
  }

  /** A manifest of one config and one layer, with whatever else is to be in it. */
  async pushManifest(name: string, reference: string | null, more: object = {}): Promise<Pushed> {
    const blob = async (mediaType: string, bytes: string) => ({ mediaType, ...(await this.pushBlob(name, bytes)) });
    const config = await blob("application/vnd.oci.image.config.v1+json", "{}");
    const layer = await blob("application/vnd.oci.image.layer.v1.tar", `layer of ${name}`);
    const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer], ...more });
    const digest = digestOf(body);
    const put = await this.call("PUT", `/v2/${name}/manifests/${reference ?? digest}`, {
      body,
      headers: { "content-type": manifestType },
    });
    expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, digest]);
    return { digest, body };
  }
}
