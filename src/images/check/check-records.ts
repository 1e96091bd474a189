/** Rows of images and names that cannot be read or that lead nowhere. */
import { type Digest, isDigest } from "../../lib/digest.ts";
import { isKind, notFound } from "../../lib/errors.ts";
import { parseReference } from "../../lib/reference.ts";
import { type Descriptor, maxManifestSize, parseManifest } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";
import type { CheckReport } from "./report.ts";

export async function checkImageRecords(shelf: Shelf, report: CheckReport): Promise<void> {
  const { catalog } = shelf;
  const { records } = catalog;
  for (const { id, reason, newer } of records.images.list().broken) {
    const found = {
      kind: "record" as const,
      id,
      problem: `the image's record is unreadable: ${reason}`,
      advice: newer ? "use the version of dhow that wrote it" : `remove it (dhow rmi ${id}) and pull or load it again`,
    };
    if (newer || !isDigest(id)) await report.finding(found);
    else await report.finding(found, async () => rebuild(shelf, id));
  }
  const names = records.names.list();
  const drop = (name: string) => async (): Promise<string> => {
    records.db.transaction("full", (tx) => records.names.delete(tx, name));
    return "the name is removed";
  };
  for (const { id, reason, newer } of names.broken) {
    const problem = `the name's record is unreadable: ${reason}`;
    const found = { kind: "record" as const, id, problem, advice: "tag or pull the image again" };
    await (newer ? report.finding(found) : report.finding(found, drop(id)));
  }
  const known = new Set([...catalog.ids(), ...records.images.list().broken.map(({ id }) => id)]);
  for (const [name, { image }] of names.records) {
    if (known.has(image)) continue;
    const problem = `it names the image ${image}, which does not exist`;
    await report.finding(
      { kind: "record", id: name, problem, advice: "dhow system check --repair removes the name" },
      drop(name),
    );
  }
}

/** Makes an image's record anew from a manifest in the store that names its configuration. */
function rebuild({ catalog, content }: Shelf, id: Digest): string {
  const { records } = catalog;
  const known = catalog.recordOf(id);
  if (known) {
    records.db.transaction("full", (tx) => records.images.put(tx, id, known));
    return "written again from what the daemon knows";
  }
  for (const digest of content.walk()) {
    const size = content.size(digest) ?? Number.POSITIVE_INFINITY;
    if (size > maxManifestSize) continue;
    const mediaType = manifestOf(content.read.bind(content), digest, id);
    if (mediaType === null) continue;
    const manifest: Descriptor = { mediaType, digest, size };
    const names = [...records.names.list().records].filter(([, { image }]) => image === id);
    catalog.add(
      id,
      { manifest, target: manifest },
      names.map(([name]) => parseReference(name)),
    );
    return `made anew from the manifest ${digest}`;
  }
  throw notFound("no manifest in the store names it");
}

/** The media type of a blob that is a manifest of the image `id`; `null` for any other. */
function manifestOf(read: (digest: Digest, limit: number) => Buffer, digest: Digest, id: Digest): string | null {
  try {
    const bytes = read(digest, maxManifestSize);
    if (bytes[0] !== 0x7b) return null; // no JSON object
    const parsed = parseManifest(bytes, "");
    return parsed.kind === "manifest" && parsed.manifest.config.digest === id ? parsed.mediaType : null;
  } catch (error) {
    if (isKind(error, "invalidArgument", "dataLoss", "notFound")) return null;
    throw error;
  }
}
