/**
 * Pushes, pulls, mounts and deletions of a registry that collects its garbage all the time. Clients do what Docker does: they ask for a
 * blob first and send it only when it is not there; what they were told of must be there when their manifest comes.
 */
import { readFileSync } from "node:fs";
import { startOwnRegistry } from "../../test/harness/own-registry.ts";

const workers = 8;
const manifestType = "application/vnd.oci.image.manifest.v1+json";
/** Few enough that blobs are shared, forgotten, collected and sent again. */
const contents = 300;
const blobSize = 200_000;

const digestOf = (bytes: string | Uint8Array): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
const pick = (limit: number): number => Math.floor(Math.random() * limit);
const bytesOf = (content: number): Buffer => Buffer.alloc(blobSize, `content ${content} `);
const digests = Array.from({ length: contents }, (_, content) => digestOf(bytesOf(content)));

export async function registry(minutes: number): Promise<string[]> {
  await using own = await startOwnRegistry("--gc-interval", "200ms", "--gc-grace", "3s", "--gc-untagged");
  const broken: string[] = [];
  const counts = { pushes: 0, sent: 0, known: 0, mounted: 0, pulls: 0, deletions: 0 };
  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, `http://${own.host}`), { method, ...init });
  const expect = async (response: Response, what: string, ...statuses: number[]): Promise<Response> => {
    if (!statuses.includes(response.status)) throw new Error(`${what}: ${response.status} ${await response.text()}`);
    return response;
  };

  const sendBlob = async (name: string, digest: string, bytes: Buffer): Promise<void> => {
    const head = await expect(await call("HEAD", `/v2/${name}/blobs/${digest}`), "HEAD", 200, 404);
    if (head.status === 200) {
      counts.known++;
      return;
    }
    const query = pick(2) === 0 ? `?mount=${digest}&from=soak/${pick(workers)}` : "";
    const begun = await expect(await call("POST", `/v2/${name}/blobs/uploads/${query}`), "POST", 201, 202);
    if (begun.status === 201) {
      counts.mounted++;
      return;
    }
    counts.sent++;
    const location = begun.headers.get("location") ?? "";
    if (pick(2) === 0) await expect(await call("PATCH", location, { body: bytes }), "PATCH", 202);
    else {
      await expect(await call("PUT", `${location}?digest=${digest}`, { body: bytes }), "PUT", 201);
      return;
    }
    await expect(await call("PUT", `${location}?digest=${digest}`), "PUT", 201);
  };

  const push = async (name: string, tag: string): Promise<string> => {
    const config = Buffer.from(JSON.stringify({ tag, at: Math.random() }));
    const chosen = [...new Set([pick(contents), pick(contents), pick(contents)])];
    const layers = chosen.map((content) => ({ mediaType: "l", digest: digests[content] ?? "", size: blobSize }));
    await Promise.all(chosen.map((content) => sendBlob(name, digests[content] ?? "", bytesOf(content))));
    await sendBlob(name, digestOf(config), config);
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: "c", digest: digestOf(config), size: config.length },
      layers,
    });
    const headers = { "content-type": manifestType };
    await expect(await call("PUT", `/v2/${name}/manifests/${tag}`, { body, headers }), "manifest", 201);
    counts.pushes++;
    return body;
  };

  const pull = async (name: string, tag: string, wanted: string): Promise<void> => {
    const got = await expect(await call("GET", `/v2/${name}/manifests/${tag}`), "pull", 200);
    if ((await got.text()) !== wanted) throw new Error(`${name}:${tag} is another manifest`);
    const { config, layers } = JSON.parse(wanted) as { config: { digest: string }; layers: { digest: string }[] };
    for (const { digest } of [config, ...layers]) {
      const blob = await expect(await call("GET", `/v2/${name}/blobs/${digest}`), `blob of ${name}:${tag}`, 200);
      if (digestOf(new Uint8Array(await blob.arrayBuffer())) !== digest) throw new Error(`${digest} is spoilt`);
    }
    counts.pulls++;
  };

  const end = Date.now() + minutes * 60_000;
  const worker = async (index: number): Promise<void> => {
    const name = `soak/${index}`;
    const tags = new Map<string, string>();
    while (Date.now() < end && broken.length === 0) {
      const tag = `t${pick(6)}`;
      try {
        const known = tags.get(tag);
        if (known === undefined || pick(3) === 0) tags.set(tag, await push(name, tag));
        else if (pick(4) > 0) await pull(name, tag, known);
        else {
          tags.delete(tag);
          counts.deletions++;
          await expect(await call("DELETE", `/v2/${name}/manifests/${tag}`), "DELETE", 202);
        }
      } catch (error) {
        broken.push(`${name}:${tag}: ${error instanceof Error ? error.message : error}`);
      }
      // So that some blobs grow older than their grace time.
      await Bun.sleep(pick(300));
    }
  };
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${own.pid}/status`, "utf8"))?.[1]) / 1024;
  const tell = () => console.log(`${JSON.stringify(counts)} ${memory().toFixed(0)} MiB RSS`);
  const watch = setInterval(tell, 60_000);
  await Promise.all(Array.from({ length: workers }, (_, index) => worker(index)));
  clearInterval(watch);
  tell();
  console.log(`\n${counts.pushes + counts.pulls} passed, ${broken.length} failed`);
  return broken;
}
