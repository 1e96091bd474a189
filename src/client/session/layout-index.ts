/** What an OCI layout's `index.json` names. https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest } from "../../lib/digest.ts";
import { invalidArgument, messageOf, notFound } from "../../lib/errors.ts";

const refName = "org.opencontainers.image.ref.name";
const imageName = "io.containerd.image.name";

export interface LayoutEntry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Throws `notFound` where there is no layout, `invalidArgument` for one that cannot be read. */
async function entriesOf(directory: string): Promise<LayoutEntry[]> {
  const path = join(directory, "index.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw notFound(`${directory} is no OCI layout: ${messageOf(cause)}`, { cause });
  }
  try {
    const { manifests } = JSON.parse(text) as { readonly manifests?: readonly LayoutEntry[] };
    if (!Array.isArray(manifests) || !manifests.every(({ digest }) => isDigest(digest)))
      throw new Error("no manifests");
    return manifests;
  } catch (cause) {
    throw invalidArgument(`invalid ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** What a tag leads to; without a tag `latest`, or else the only entry. Throws `notFound`. */
export async function findInLayout(directory: string, tag: string): Promise<Digest> {
  const entries = await entriesOf(directory);
  const named = entries.find(({ annotations }) => annotations?.[refName] === (tag || "latest"));
  const found = named ?? (tag === "" && entries.length === 1 ? entries[0] : undefined);
  if (found) return found.digest;
  const tags = entries.flatMap(({ annotations }) => annotations?.[refName] ?? []);
  const known = tags.length === 0 ? "it has no tags" : `it has ${tags.join(", ")}`;
  throw notFound(`the OCI layout ${directory} has nothing under the tag ${tag || "latest"}: ${known}`);
}

/** What an entry is called: by a bare tag, or by an image's full name. */
export type LayoutName = { readonly tag: string } | { readonly image: string; readonly tag: string };

const sameName = ({ annotations = {} }: LayoutEntry, name: LayoutName): boolean =>
  annotations[imageName] === ("image" in name ? name.image : undefined) && annotations[refName] === name.tag;

/** Enters what a builder has written, in the place of what had the name; other entries stay. */
export async function putInLayout(
  directory: string,
  { mediaType, digest, size }: LayoutEntry,
  names: readonly LayoutName[],
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const before = await entriesOf(directory).catch(() => []);
  const others = before.filter((entry) => !names.some((name) => sameName(entry, name)));
  const entries = names.map((name) => ({
    mediaType,
    digest,
    size,
    annotations: { ...("image" in name && { [imageName]: name.image }), [refName]: name.tag },
  }));
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [...others, ...entries],
  };
  await writeWhole(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeWhole(join(directory, "index.json"), JSON.stringify(index));
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
