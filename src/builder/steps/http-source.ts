/** ADD of a URL: one file, fetched into a directory of the build's own. */

import { utimesSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DhowError, invalidArgument, messageOf, resourceExhausted, unavailable } from "../../lib/errors.ts";
import type { Credentials } from "../../lib/url-credentials.ts";
import { statfs } from "../../linux/statfs.ts";
import { mayLeadTo } from "../../registry/targets.ts";

export interface HttpFile {
  readonly url: string;
  readonly credentials: Credentials | null;
  readonly fileName: string;
  /** `sha256:` and 64 hex digits, of the bytes that come; null for any. */
  readonly checksum: string | null;
}

/** As BuildKit gives it. */
export const fileMode = 0o600;
const mostRedirects = 10;
/** Part of a disk that one file may take of what is free. */
const freeShare = 0.9;

/** What a server said of a file that is kept. */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** What came: the file, or the server's word that the kept one is still right. */
export type Fetched = ({ readonly isNew: true } & Validators) | { readonly isNew: false };

/**
 * Fetches the file into `directory` under its own name, unless it is what `kept` tells of. Throws `unavailable` where it cannot be had, `invalidArgument` where it is
 * another than the checksum says. Credentials are shown to the URL's own origin only, and are in no error.
 */
export async function fetchFile(
  file: HttpFile,
  directory: string,
  signal: AbortSignal,
  kept: Validators | null = null,
): Promise<Fetched> {
  const answer = await followed(file, signal, kept);
  if (answer.status === 304 && kept !== null) return { isNew: false };
  if (!answer.ok || !answer.body)
    throw unavailable(`failed to load ${file.url}: invalid response status ${answer.status}`);
  if (/^(\.{0,2}|.*\/.*)$/.test(file.fileName)) throw invalidArgument(`${file.url} has no name for a file`);
  const path = join(directory, file.fileName);
  const hasher = new Bun.CryptoHasher("sha256");
  let left = Math.floor(statfs(directory).freeBytes * freeShare);
  await using out = await open(path, "wx", fileMode);
  for await (const chunk of answer.body) {
    left -= chunk.length;
    if (left < 0) throw resourceExhausted(`failed to load ${file.url}: no space left on device`);
    hasher.update(chunk);
    await out.writeFile(chunk);
  }
  refuseMismatch(file, hasher);
  const modified = Date.parse(answer.headers.get("last-modified") ?? "");
  const seconds = Number.isNaN(modified) ? 0 : modified / 1000;
  utimesSync(path, seconds, seconds);
  return { isNew: true, etag: answer.headers.get("etag"), lastModified: answer.headers.get("last-modified") };
}

/** Throws `invalidArgument` where the file at `path` is another than the checksum says. */
export async function matchesChecksum(file: HttpFile, path: string): Promise<void> {
  if (file.checksum === null) return;
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  refuseMismatch(file, hasher);
}

function refuseMismatch({ checksum }: HttpFile, hasher: Bun.CryptoHasher): void {
  const digest = `sha256:${hasher.digest("hex")}`;
  if (checksum !== null && checksum !== digest) throw invalidArgument(`digest mismatch ${digest}: ${checksum}`);
}

async function followed(
  { url, credentials }: HttpFile,
  signal: AbortSignal,
  kept: Validators | null,
): Promise<Response> {
  const first = new URL(url);
  let at = first;
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (credentials && at.origin === first.origin) headers.authorization = basic(credentials);
    // An entity tag says more than a time, and is enough.
    if (kept?.etag) headers["if-none-match"] = kept.etag;
    else if (kept?.lastModified) headers["if-modified-since"] = kept.lastModified;
    const answer = await get(at.href, { headers, signal, redirect: "manual", decompress: false });
    const location = answer.headers.get("location");
    if (answer.status < 300 || answer.status >= 400 || location === null) return answer;
    await answer.body?.cancel();
    const next = URL.parse(location, at.href);
    if (!next || !/^https?:$/.test(next.protocol) || !mayLeadTo(at, next, [])) {
      throw unavailable(
        `failed to load ${url}: a redirect to ${next?.host ?? JSON.stringify(location)} is not followed`,
      );
    }
    at = next;
  }
  throw unavailable(`failed to load ${url}: stopped after ${mostRedirects} redirects`);
}

async function get(url: string, init: BunFetchRequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DhowError || init.signal?.aborted) throw error;
    throw unavailable(`failed to load ${url}: ${messageOf(error)}`, { cause: error });
  }
}

const basic = ({ user, password }: Credentials): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
