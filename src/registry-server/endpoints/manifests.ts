/** Manifests, the tags that lead to them, and what refers to them. */
import { type Digest, digestOf } from "../../lib/digest.ts";
import { Failure } from "../failure.ts";
import { isTag } from "../layout.ts";
import { maxManifestSize, parseManifest } from "../manifest.ts";
import type { Tagged } from "../proxy/pull-through.ts";
import { type Call, digestIn, notModified, pageOf } from "../request.ts";

/** The digest that a reference means; throws `MANIFEST_UNKNOWN` when it leads nowhere. A cache has its manifest then. */
async function resolve({ registry, name }: Call, reference: string): Promise<Tagged> {
  const { proxy, repositories } = registry;
  if (reference.includes(":")) {
    const digest = digestIn(reference);
    await proxy?.manifest(name, digest);
    return { digest, warning: null };
  }
  if (proxy && isTag(reference)) return proxy.tagged(name, reference);
  const digest = isTag(reference) ? await repositories.tagged(name, reference) : null;
  if (digest === null) throw new Failure("MANIFEST_UNKNOWN", { tag: reference });
  return { digest, warning: null };
}

export async function readManifest(call: Call, reference: string): Promise<Response> {
  const { digest, warning } = await resolve(call, reference);
  const bytes = await call.registry.repositories.manifest(call.name, digest);
  if (bytes === null) throw new Failure("MANIFEST_UNKNOWN", { reference });
  // Never give out what somebody has changed on the disk.
  if (digestOf(bytes) !== digest) throw new Failure("MANIFEST_UNKNOWN", { reference, reason: "spoilt on disk" });
  const known = notModified(call.request, digest);
  if (known) return known;
  const { mediaType } = parseManifest(bytes, "");
  const about = { kind: "manifests", digest, mediaType, size: bytes.length } as const;
  const tagged = reference.includes(":") ? {} : { tag: reference };
  if (call.request.method === "GET") call.tell({ action: "pull", ...about, ...tagged });
  const headers = {
    "content-type": mediaType,
    "docker-content-digest": digest,
    etag: `"${digest}"`,
    "content-length": String(bytes.length),
    ...(warning === null ? {} : { warning: warningOf(`upstream does not answer, this may be old: ${warning}`) }),
  };
  return new Response(call.request.method === "HEAD" ? null : new Uint8Array(bytes), { headers });
}

/** Clients show it (distribution-spec, "Warnings"). */
const warningOf = (text: string): string => `299 - ${JSON.stringify(text.replace(/[^ -~]/g, "?").slice(0, 300))}`;

export async function writeManifest(call: Call, reference: string): Promise<Response> {
  const { registry, request, name } = call;
  const bytes = await bounded(request);
  const digest = digestOf(bytes);
  const tag = reference.includes(":") ? null : reference;
  if (tag === null && reference !== digest) {
    throw new Failure("DIGEST_INVALID", { digest: digestIn(reference), got: digest });
  }
  // A push by digest may bring its tags along (distribution-spec, "Pushing Manifests with Tags").
  const tags = tag === null ? [...new Set(call.url.searchParams.getAll("tag"))] : [tag];
  for (const one of tags) await checkTag(call, one, digest);
  const declared = (request.headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";
  const manifest = parseManifest(bytes, declared.startsWith("application/vnd.") ? declared : "");
  const { repositories } = registry;
  for (const blob of new Set(manifest.blobs)) {
    if ((await repositories.blobSize(name, blob)) === null)
      throw new Failure("MANIFEST_BLOB_UNKNOWN", { digest: blob });
  }
  for (const child of new Set(manifest.manifests)) {
    if (!(await repositories.hasManifest(name, child))) throw new Failure("MANIFEST_BLOB_UNKNOWN", { digest: child });
  }
  const { subject, mediaType } = manifest;
  await repositories.addManifest(name, { digest, bytes, tags, subject });
  const about = { action: "push", kind: "manifests", digest, mediaType, size: bytes.length } as const;
  for (const one of tags) call.tell({ ...about, tag: one });
  if (tags.length === 0) call.tell(about);
  const headers = new Headers({ location: `/v2/${name}/manifests/${digest}`, "docker-content-digest": digest });
  if (subject !== null) headers.set("oci-subject", subject);
  if (tag === null) for (const one of tags) headers.append("oci-tag", one);
  return new Response(null, { status: 201, headers });
}

/** Throws for a tag that is none, or that this user may not move. */
async function checkTag({ registry, name, identity }: Call, tag: string, digest: Digest): Promise<void> {
  if (!isTag(tag)) throw new Failure("TAG_INVALID", { tag: tag.slice(0, 200) });
  if (identity.may(name, "push")) return;
  const there = await registry.repositories.tagged(name, tag);
  if (there !== null && there !== digest)
    throw new Failure("DENIED", { tag, reason: "it is there, and may not be moved" });
}

export async function deleteManifest(call: Call, reference: string): Promise<Response> {
  const { name, tell } = call;
  const about = { action: "delete", kind: "manifests", mediaType: "", size: null } as const;
  const { repositories } = call.registry;
  if (!reference.includes(":")) {
    if (!isTag(reference) || !(await repositories.removeTag(name, reference))) {
      throw new Failure("MANIFEST_UNKNOWN", { tag: reference });
    }
    tell({ ...about, digest: null, tag: reference });
    return new Response(null, { status: 202 });
  }
  const digest = digestIn(reference);
  if (!(await repositories.hasManifest(name, digest))) throw new Failure("MANIFEST_UNKNOWN", { digest });
  const bytes = await repositories.manifest(name, digest);
  // One that is spoilt or lost can be removed as well.
  const subject = bytes && digestOf(bytes) === digest ? parseManifest(bytes, "").subject : null;
  await repositories.removeManifest(name, digest, subject);
  tell({ ...about, digest });
  return new Response(null, { status: 202 });
}

export async function listTags({ registry, url, name }: Call): Promise<Response> {
  const tags = await (registry.proxy ?? registry.repositories).tags(name);
  if (tags.length === 0 && !(await registry.repositories.exists(name))) throw new Failure("NAME_UNKNOWN", { name });
  const { page, headers } = pageOf(url, tags);
  return Response.json({ name, tags: page }, { headers });
}

/** An index of the manifests whose subject that digest is; empty for one that nobody knows (distribution-spec, listing referrers). */
export async function listReferrers({ registry, url, name }: Call, digestText: string): Promise<Response> {
  const subject = digestIn(digestText);
  const mediaType = "application/vnd.oci.image.index.v1+json";
  if (registry.proxy) {
    const bytes = await registry.proxy.referrers(name, subject, url.search);
    return new Response(new Uint8Array(bytes), { headers: { "content-type": mediaType } });
  }
  const wanted = url.searchParams.get("artifactType");
  const manifests = [];
  for (const digest of await registry.repositories.referrers(name, subject)) {
    const bytes = await registry.repositories.manifest(name, digest);
    if (bytes === null) continue;
    const { artifactType, annotations, ...manifest } = parseManifest(bytes, "");
    if (wanted !== null && artifactType !== wanted) continue;
    const about = { mediaType: manifest.mediaType, size: bytes.length, digest, artifactType };
    manifests.push({ ...about, ...(annotations ? { annotations } : {}) });
  }
  const filters = wanted === null ? {} : { "oci-filters-applied": "artifactType" };
  return Response.json(
    { schemaVersion: 2, mediaType, manifests },
    { headers: { "content-type": mediaType, ...filters } },
  );
}

async function bounded(request: Request): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxManifestSize) throw new Failure("SIZE_INVALID", { limit: maxManifestSize });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
