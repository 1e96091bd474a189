/** The ways an image or an archive comes in, each as one request, and what the store holds afterwards. */
import { existsSync, readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type ArchivedImage, imageArchive } from "../fixtures/docker-archive.ts";
import type { TestDaemon } from "./daemon.ts";

/** An answer's status, and what failed: dockerd tells it in the body, or in the stream behind a 200. */
export interface Outcome {
  readonly status: number;
  readonly error: string | null;
}

export type Body = Buffer | Iterable<Buffer>;

/** Sends `body` in pieces, no faster than it is taken; an answer that comes before its end is the outcome. */
export function send(daemon: TestDaemon, method: string, path: string, body: Body = []): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const source = Readable.from(Buffer.isBuffer(body) ? [body] : body);
    const headers = { "content-type": "application/x-tar" };
    const outgoing = request({ socketPath: daemon.socket, method, path, headers, agent: false }, async (response) => {
      try {
        const text = Buffer.concat(await response.toArray()).toString();
        resolve({ status: response.statusCode ?? 0, error: errorIn(response.statusCode ?? 0, text) });
      } catch (error) {
        reject(error);
      } finally {
        source.destroy();
        outgoing.destroy();
      }
    });
    outgoing.on("error", reject);
    source.pipe(outgoing);
  });
}

function errorIn(status: number, text: string): string | null {
  for (const line of text.split("\n")) {
    if (!line.startsWith("{")) continue;
    const { error, message } = JSON.parse(line) as { error?: string; message?: string };
    if (error !== undefined) return error;
    if (status >= 400 && message !== undefined) return message;
  }
  return status >= 400 ? text : null;
}

export const loadArchive = (daemon: TestDaemon, body: Body): Promise<Outcome> =>
  send(daemon, "POST", "/images/load?quiet=1", body);

/** `name` is a repository; the tag is `latest`. */
export const importTar = (daemon: TestDaemon, name: string, body: Body): Promise<Outcome> =>
  send(daemon, "POST", `/images/create?fromSrc=-&repo=${name}`, body);

export const pullImage = (daemon: TestDaemon, repository: string, tag: string): Promise<Outcome> =>
  send(daemon, "POST", `/images/create?fromImage=${encodeURIComponent(repository)}&tag=${tag}`);

export const putArchive = (daemon: TestDaemon, container: string, path: string, body: Body): Promise<Outcome> =>
  send(daemon, "PUT", `/containers/${container}/archive?path=${encodeURIComponent(path)}`, body);

/** Everything that images have on disk, whole and half: blobs, layers, what is on its way. */
export function stored(daemon: TestDaemon): string[] {
  return ["content/blobs/sha256", "content/ingest", "overlay/layers", "overlay/tmp"].flatMap((dir) => {
    const path = join(daemon.dataRoot, dir);
    return existsSync(path) ? readdirSync(path).map((name) => `${dir}/${name}`) : [];
  });
}

/** Loads images, or throws; disposing removes them, and throws where the store is not as before. */
export async function withImages(daemon: TestDaemon, ...images: readonly ArchivedImage[]): Promise<AsyncDisposable> {
  const before = stored(daemon).join("\n");
  const { error } = await loadArchive(daemon, imageArchive(...images));
  if (error !== null) throw new Error(`load failed: ${error}`);
  return {
    async [Symbol.asyncDispose]() {
      for (const { name } of images) await send(daemon, "DELETE", `/images/${name}?force=1`);
      const after = stored(daemon).join("\n");
      if (after !== before) throw new Error(`left in the store:\n${after}\nwhere there was\n${before}`);
    },
  };
}
