/** Pushes and pulls of many images at once over the distribution API, as an engine does them, without an engine's own work. */

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const layerBytes = 4 << 20;
const layersOf = 4;

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

export interface PushedImage {
  readonly repository: string;
  readonly layers: readonly Blob[];
  readonly manifest: Buffer;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

/** `count` images that share nothing. */
export function imagesOf(word: string, count: number): PushedImage[] {
  return Array.from({ length: count }, (_, i) => {
    const layers = Array.from({ length: layersOf }, (_, layer) => blobOf(layerBytes, `${word} ${i} ${layer} `));
    const config = blobOf(200, `config ${word} ${i} `);
    const described = ({ digest, bytes }: Blob) => ({
      mediaType: "application/octet-stream",
      digest,
      size: bytes.length,
    });
    const manifest = {
      schemaVersion: 2,
      mediaType: manifestType,
      config: described(config),
      layers: layers.map(described),
    };
    return {
      repository: `bench/${word}-${i}`,
      layers: [config, ...layers],
      manifest: Buffer.from(JSON.stringify(manifest)),
    };
  });
}

function blobOf(size: number, word: string): Blob {
  const bytes = Buffer.alloc(size, word);
  return { bytes, digest: digestOf(bytes) };
}

/** The number of bytes that were sent. */
export async function pushAll(host: string, images: readonly PushedImage[]): Promise<number> {
  const sizes = images.map(async ({ repository, layers, manifest }) => {
    const at = `http://${host}/v2/${repository}`;
    for (const { digest, bytes } of layers) {
      await ask(`${at}/blobs/${digest}`, { method: "HEAD" }, 404);
      const begun = await ask(`${at}/blobs/uploads/`, { method: "POST" }, 202);
      const location = new URL(begun.headers.get("location") ?? "", at);
      location.searchParams.set("digest", digest);
      await ask(`${location}`, { method: "PUT", body: bytes }, 201);
    }
    const headers = { "content-type": manifestType };
    await ask(`${at}/manifests/1`, { method: "PUT", body: manifest, headers }, 201);
    return layers.reduce((sum, { bytes }) => sum + bytes.length, 0);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The number of bytes that came, each blob with the right size. */
export async function pullAll(host: string, images: readonly PushedImage[]): Promise<number> {
  const sizes = images.map(async ({ repository, layers }) => {
    const at = `http://${host}/v2/${repository}`;
    await (await ask(`${at}/manifests/1`, { headers: { accept: manifestType } }, 200)).arrayBuffer();
    let came = 0;
    for (const { digest, bytes } of layers) {
      let size = 0;
      const answer = await ask(`${at}/blobs/${digest}`, {}, 200);
      for await (const chunk of answer.body ?? []) size += chunk.length;
      if (size !== bytes.length) throw new Error(`${digest}: ${size} bytes of ${bytes.length}`);
      came += size;
    }
    return came;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function ask(url: string, init: RequestInit, status: number): Promise<Response> {
  const answer = await fetch(url, init);
  if (answer.status !== status)
    throw new Error(`${init.method ?? "GET"} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
