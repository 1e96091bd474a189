/** ADD of a URL: one file, fetched into a directory of the build's own. */

import { utimesSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DhowError, invalidArgument, messageOf, resourceExhausted, unavailable } from "../../lib/errors.ts";
import { statfs } from "../../linux/statfs.ts";
import { mayLeadTo } from "../../registry/targets.ts";
import type { Credentials } from "../dockerfile/text/url-credentials.ts";

export interface HttpFile {
  readonly url: string;
  readonly credentials: Credentials | null;
  readonly fileName: string;
  /** `sha256:` and 64 hex digits, of the bytes that come; null for any. */
  readonly checksum: string | null;
}

/** As BuildKit gives it. */
const fileMode = 0o600;
const mostRedirects = 10;
/** Part of a disk that one file may take of what is free. */
const freeShare = 0.9;

/**
 * Fetches the file into `directory` under its own name. Throws `unavailable` where it cannot be had, `invalidArgument` where it is
 * another than the checksum says. Credentials are shown to the URL's own origin only, and are in no error.
 */
export async function fetchFile(file: HttpFile, directory: string, signal: AbortSignal): Promise<void> {
  const answer = await followed(file, signal);
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
  const digest = `sha256:${hasher.digest("hex")}`;
  if (file.checksum !== null && file.checksum !== digest) {
    throw invalidArgument(`digest mismatch ${digest}: ${file.checksum}`);
  }
  const modified = Date.parse(answer.headers.get("last-modified") ?? "");
  const seconds = Number.isNaN(modified) ? 0 : modified / 1000;
  utimesSync(path, seconds, seconds);
}

async function followed({ url, credentials }: HttpFile, signal: AbortSignal): Promise<Response> {
  const first = new URL(url);
  let at = first;
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (credentials && at.origin === first.origin) headers.authorization = basic(credentials);
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
    if (at.protocol === "https:" && next.protocol === "http:") {
      throw unavailable(`failed to load ${url}: a redirect from https to http is not followed`);
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
