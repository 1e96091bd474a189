/** Blobs: reading them whole or in part, and taking them in. */
import type { Digest } from "../../lib/digest.ts";
import { Failure } from "../failure.ts";
import { blobPath, isRepositoryName } from "../layout.ts";
import type { PullThrough } from "../proxy/pull-through.ts";
import { type Call, digestIn, notModified, ownerOf } from "../request.ts";

export async function readBlob(call: Call, digestText: string): Promise<Response> {
  const { registry, request, name } = call;
  const digest = digestIn(digestText);
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
    "cache-control": "max-age=31536000",
  };
  let size = await registry.repositories.blobSize(name, digest);
  if (registry.proxy && size !== null) await registry.proxy.blobHit(name, digest);
  else if (registry.proxy) {
    const fetched = await fetchBlob(registry.proxy, call, digest);
    if (fetched && request.method === "GET") call.tell({ action: "pull", ...blobOf(digest, null) });
    if (fetched) return new Response(fetched.body, { headers: { ...headers, ...fetched.headers } });
    size = await registry.repositories.blobSize(name, digest);
  }
  if (size === null) throw new Failure("BLOB_UNKNOWN", { digest });
  const known = notModified(request, digest);
  if (known) return known;
  if (request.method === "GET") call.tell({ action: "pull", ...blobOf(digest, size) });
  const { storage } = registry.repositories.blobs;
  const range = rangeOf(request.headers.get("range"), size);
  if (range === null) {
    if (request.method === "HEAD")
      return new Response(null, { headers: { ...headers, "content-length": String(size) } });
    return new Response(storage.body(blobPath(digest), 0, size), { headers });
  }
  const [start, end] = range;
  const partial = { ...headers, "content-range": `bytes ${start}-${end - 1}/${size}` };
  if (request.method === "HEAD") {
    return new Response(null, { status: 206, headers: { ...partial, "content-length": String(end - start) } });
  }
  return new Response(storage.body(blobPath(digest), start, end), { status: 206, headers: partial });
}

/** What a cache answers for a blob that it has not got; null when it has it now. */
async function fetchBlob(
  proxy: PullThrough,
  { request, name }: Call,
  digest: Digest,
): Promise<{ body: ReadableStream<Uint8Array> | null; headers: Record<string, string> } | null> {
  if (request.method === "HEAD") {
    const size = await proxy.blobSize(name, digest);
    return { body: null, headers: size === null ? {} : { "content-length": String(size) } };
  }
  const body = await proxy.blob(name, digest, !request.headers.has("range"));
  return body && { body, headers: {} };
}

/** The bytes `[start, end)` that a Range header asks for; null for all of them. One range at most (RFC 9110, 14.2). */
function rangeOf(header: string | null, size: number): [start: number, end: number] | null {
  if (header === null || !/^bytes=/i.test(header)) return null;
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header.trim()) ?? [];
  const unsatisfiable = new Failure(
    "RANGE_INVALID",
    { range: header.slice(0, 100) },
    { "content-range": `bytes */${size}` },
  );
  if (first === "" && last === "") throw unsatisfiable;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (start >= size || start >= end) throw unsatisfiable;
  return [start, end];
}

export async function deleteBlob({ registry, name, tell }: Call, digestText: string): Promise<Response> {
  const digest = digestIn(digestText);
  if (!(await registry.repositories.removeBlob(name, digest))) throw new Failure("BLOB_UNKNOWN", { digest });
  tell({ action: "delete", ...blobOf(digest, null) });
  return new Response(null, { status: 202 });
}

/** Begins an upload, unless the blob can be had from another repository or comes along at once. */
export async function beginUpload(call: Call): Promise<Response> {
  const { registry, url, name, identity } = call;
  const { repositories, uploads } = registry;
  const [mount, from] = [url.searchParams.get("mount"), url.searchParams.get("from")];
  if (mount !== null) {
    const digest = digestIn(mount);
    const may = from !== null && isRepositoryName(from) && identity.may(from, "pull");
    const size = may ? await repositories.blobSize(from, digest) : null;
    if (may && size !== null) {
      await repositories.addBlob(name, digest);
      call.tell({ action: "mount", ...blobOf(digest, size), from });
      return created(call, digest);
    }
  }
  const algorithm = url.searchParams.get("digest-algorithm") ?? "sha256";
  if (algorithm !== "sha256") {
    const detail = { "digest-algorithm": algorithm.slice(0, 200), supported: ["sha256"] };
    throw new Failure("DIGEST_INVALID", detail, {}, "unsupported digest algorithm");
  }
  const text = url.searchParams.get("digest");
  const whole = text === null ? null : digestIn(text);
  const id = await uploads.begin(ownerOf(call));
  return whole === null ? accepted(call, id, 0) : finish(call, id, whole);
}

export async function uploadStatus(call: Call, id: string): Promise<Response> {
  const size = await call.registry.uploads.size(ownerOf(call), id);
  return new Response(null, { status: 204, headers: headersOf(call, id, size) });
}

export async function appendUpload(call: Call, id: string): Promise<Response> {
  const { request, registry } = call;
  const range = contentRange(request.headers);
  try {
    const size = await registry.uploads.append(ownerOf(call), id, bodyOf(request), range);
    return accepted(call, id, size);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "RANGE_INVALID") throw error;
    const size = await registry.uploads.size(ownerOf(call), id);
    throw new Failure("RANGE_INVALID", error.detail, headersOf(call, id, size));
  }
}

export async function finishUpload(call: Call, id: string): Promise<Response> {
  return finish(call, id, digestIn(call.url.searchParams.get("digest")));
}

export async function cancelUpload(call: Call, id: string): Promise<Response> {
  await call.registry.uploads.cancel(ownerOf(call), id);
  return new Response(null, { status: 204 });
}

/** With what comes along: a whole blob, its last chunk, or nothing. */
async function finish(call: Call, id: string, digest: Digest): Promise<Response> {
  const { registry, request, name } = call;
  if (request.body) await registry.uploads.append(ownerOf(call), id, bodyOf(request), contentRange(request.headers));
  const size = await registry.uploads.finish(ownerOf(call), id, digest);
  await registry.repositories.addBlob(name, digest);
  call.tell({ action: "push", ...blobOf(digest, size) });
  return created(call, digest);
}

const blobOf = (digest: Digest, size: number | null) =>
  ({ kind: "blobs", digest, mediaType: "application/octet-stream", size }) as const;

const bodyOf = (request: Request): AsyncIterable<Uint8Array> =>
  (request.body ?? new Blob().stream()) as unknown as AsyncIterable<Uint8Array>;

/** `Content-Range: 0-99`, as the distribution specification writes it, and `Content-Length`, which must agree. */
function contentRange(headers: Headers): { from: number | null; length: number | null } {
  const announced = headers.get("content-length");
  const length = announced !== null && /^\d{1,15}$/.test(announced) ? Number(announced) : null;
  const text = headers.get("content-range");
  if (text === null) return { from: null, length };
  const [, first, last] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(text) ?? [];
  if (first === undefined || Number(last) < Number(first))
    throw new Failure("RANGE_INVALID", { range: text.slice(0, 100) });
  const span = Number(last) - Number(first) + 1;
  if (length !== null && length !== span) throw new Failure("BLOB_UPLOAD_INVALID", { range: text, length });
  return { from: Number(first), length: span };
}

function headersOf({ name }: Call, id: string, size: number): Record<string, string> {
  return {
    location: `/v2/${name}/blobs/uploads/${id}`,
    "docker-upload-uuid": id,
    range: `0-${Math.max(0, size - 1)}`,
  };
}

const accepted = (call: Call, id: string, size: number): Response =>
  new Response(null, { status: 202, headers: headersOf(call, id, size) });

const created = ({ name }: Call, digest: Digest): Response =>
  new Response(null, {
    status: 201,
    headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest },
  });
