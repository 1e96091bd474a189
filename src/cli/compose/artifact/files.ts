/** A published project's manifest -> the files of a folder. */
import { type Digest, isDigest } from "../../../lib/digest.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { parseStrictJson } from "../../../lib/strict-json.ts";
import { isIndexType } from "../../../registry/media-types.ts";
import { annotations, emptyConfigType, envFileType, fileType, projectType } from "./media-types.ts";

/** The project's own file: all of its files one after the other, as documents of YAML. */
export const mainFile = "compose.yaml";

/** Most layers of an artifact. */
const mostLayers = 256;

interface Layer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly annotations: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The project among what an index has; null when `mediaType` is none of an index. Throws when it has no project. */
export function projectIn(bytes: Buffer, mediaType: string, shown: string): Digest | null {
  if (!isIndexType(mediaType)) return null;
  const manifests = listOf(fieldsOf(parseStrictJson(bytes.toString("utf8"))).manifests).map(fieldsOf);
  // Of several the last counts, as in Compose.
  const found = manifests.findLast(({ artifactType }) => artifactType === projectType)?.digest;
  if (isDigest(found)) return found;
  throw invalidArgument(`OCI index ${shown} doesn't refer to compose artifacts`);
}

/**
 * The artifact's files by name. `read` fetches a layer. Throws for a manifest of something else, and for a file that is to lie
 * anywhere but in the folder itself (CVE-2025-62725).
 */
export async function artifactFiles(
  bytes: Buffer,
  shown: string,
  read: (digest: Digest) => Promise<Buffer>,
): Promise<ReadonlyMap<string, Buffer>> {
  const manifest = fieldsOf(parseStrictJson(bytes.toString("utf8")));
  const type = typeof manifest.artifactType === "string" ? manifest.artifactType : "";
  if (type === "" ? fieldsOf(manifest.config).mediaType !== emptyConfigType : type !== projectType) {
    throw invalidArgument(`${shown} is not a compose project OCI artifact, but ${type}`);
  }
  const layers = listOf(manifest.layers).map(layerOf);
  if (layers.length > mostLayers) throw invalidArgument(`${shown} has more than ${mostLayers} layers`);
  // Names are looked at before anything is fetched.
  const wanted = layers.flatMap((layer, i) => {
    const name = fileName(layer);
    return name === null ? [] : [{ name, layer, isNext: i > 0 && annotations.file in layer.annotations }];
  });
  const contents = await Promise.all(wanted.map(({ layer }) => read(layer.digest)));
  const files = new Map<string, Buffer>();
  for (const [i, { name, layer, isNext }] of wanted.entries()) {
    const before = layer.mediaType === fileType ? (files.get(name) ?? empty) : empty;
    files.set(name, Buffer.concat([before, isNext ? separator : empty, contents[i]!]));
  }
  return files;
}

const empty = Buffer.alloc(0);
const separator = Buffer.from("\n---\n");

function layerOf(value: unknown): Layer {
  const { mediaType, digest, annotations: given } = fieldsOf(value);
  if (!isDigest(digest)) throw invalidArgument(`invalid digest of a layer: ${JSON.stringify(digest)?.slice(0, 200)}`);
  return { mediaType: String(mediaType), digest, annotations: fieldsOf(given) };
}

/** Null for a layer that is no file. */
function fileName({ mediaType, digest, annotations: given }: Layer): string | null {
  if (mediaType === fileType) return annotations.extends in given ? inFolder(given[annotations.file]) : mainFile;
  if (mediaType !== envFileType) return null;
  if (!(annotations.envFile in given)) {
    throw invalidArgument(`missing annotation ${annotations.envFile} in layer ${JSON.stringify(digest)}`);
  }
  const name = inFolder(given[annotations.envFile]);
  if (name === mainFile) throw invalidArgument("invalid OCI artifact");
  return name;
}

function inFolder(name: unknown): string {
  const isName = typeof name === "string" && name !== "" && name.length < 256 && !/[\\/\0]/.test(name);
  if (!isName || name === "." || name === "..") throw invalidArgument("invalid OCI artifact");
  return name;
}
