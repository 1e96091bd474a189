/**
 * One image of a manifest list, in the form in which Docker's client keeps and prints it: what a list is to say of the image, and the
 * manifest itself, as the registry's bytes and once more laid open.
 */
import { type Digest, digestOf, isDigest } from "../../lib/digest.ts";
import { parseJson } from "../../lib/json.ts";
import { compactJson, goJson } from "../../lib/json-text.ts";
import { dockerImage } from "../../registry/media-types.ts";
import type { Platform } from "./platform.ts";

/** An OCI descriptor with its fields in the order in which Go writes them. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
}

export interface ImageManifest {
  /** The reference in full by which it was asked for. */
  readonly ref: string;
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** The field that holds a manifest laid open, by its kind. */
const fieldOf = (mediaType: string): "SchemaV2Manifest" | "OCIManifest" =>
  mediaType === dockerImage ? "SchemaV2Manifest" : "OCIManifest";

/** As Docker's client files it: one line of JSON. */
export function storedForm({ ref, descriptor, bytes }: ImageManifest): string {
  const manifest = compactJson(bytes.toString("utf8"));
  return `{"Ref":${goJson(ref)},"Descriptor":${goJson(descriptor)},"Raw":"${bytes.toString("base64")}","${fieldOf(descriptor.mediaType)}":${manifest}}`;
}

/** Reads what {@link storedForm} or Docker's client has written; throws an error that says what is wrong with it. */
export function parseStoredForm(text: string): ImageManifest {
  const { Ref, Descriptor, Raw } = fieldsOf(Buffer.from(text));
  const digest = digestIn(Descriptor);
  if (typeof Ref !== "string" || digest === null) throw new Error("it is no image's manifest");
  if (typeof Raw !== "string")
    throw new Error("an old client has left the manifest's bytes out: create the list again");
  const bytes = Buffer.from(Raw, "base64");
  const got = digestOf(bytes);
  if (got !== digest) throw new Error(`internal digest mismatch for ${Ref}: expected ${digest}, got ${got}`);
  return { ref: Ref, descriptor: Descriptor as Descriptor, bytes };
}

/** What a registry says of a manifest's parts, none of it checked but that there are fields. */
export function fieldsOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  const value = parseJson(bytes.toString("utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("it is no JSON object");
  return value as Record<string, unknown>;
}

/** The digest that a descriptor of somebody else's names; null where it names none. */
export function digestIn(descriptor: unknown): Digest | null {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return isDigest(digest) ? digest : null;
}

/** The digests of what a manifest is made of, its configuration first. */
export function blobsOf({ bytes }: ImageManifest): Digest[] {
  const { config, layers } = fieldsOf(bytes);
  return [config, ...(Array.isArray(layers) ? layers : [])].map(digestIn).filter((digest) => digest !== null);
}
