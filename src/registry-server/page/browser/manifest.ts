/** What an image is made of, read from its manifest and configuration as far as they can be believed. */
import { command, count, type Fields, fields, list, platform, text } from "./words.ts";

export interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly artifactType: string;
  readonly platform: string;
  readonly annotations: Fields;
}

export function descriptor(value: unknown): Descriptor {
  const { digest, size, mediaType, artifactType, platform: its, annotations } = fields(value);
  return {
    // It becomes part of an address.
    digest: /^sha256:[0-9a-f]{64}$/.test(text(digest)) ? text(digest) : "",
    size: count(size),
    mediaType: text(mediaType),
    artifactType: text(artifactType),
    platform: platform(its),
    annotations: fields(annotations),
  };
}

/** The entries of an index; null for what is an image or another artifact. */
export function entries(manifest: Fields): Descriptor[] | null {
  return Array.isArray(manifest.manifests) ? manifest.manifests.map(descriptor) : null;
}

/** An entry that says something about the image of another one (BuildKit's provenance and SBOM). */
export const isAttestation = ({ annotations }: Descriptor): boolean => "vnd.docker.reference.type" in annotations;

export const layers = (manifest: Fields): Descriptor[] => list(manifest.layers).map(descriptor);

/** Bytes that a pull of the image fetches. */
export const pullSize = (manifest: Fields): number =>
  [descriptor(manifest.config), ...layers(manifest)].reduce((sum, { size }) => sum + size, 0);

/** A step of an image's making; without a layer where it changed the configuration alone. */
export interface Step {
  readonly command: string;
  readonly layer: Descriptor | null;
}

/** Each layer with the command that made it. What the history does not tell of stands at the end, or without a command. */
export function steps(manifest: Fields, configuration: Fields): Step[] {
  const left = layers(manifest);
  const told = list(configuration.history).map((entry): Step => {
    const { created_by: by, comment, empty_layer: isEmpty } = fields(entry);
    const layer = isEmpty === true ? null : (left.shift() ?? null);
    return { command: command(text(by)) || text(comment), layer };
  });
  return [
    ...told,
    ...left.map((layer) => ({ command: text(layer.annotations["org.opencontainers.image.title"]), layer })),
  ];
}

/** What a container of the image begins with, by name; without what is not said. */
export function settings(configuration: Fields): [name: string, value: string][] {
  const { config } = configuration;
  const { Entrypoint, Cmd, WorkingDir, User, Env, ExposedPorts, Volumes, StopSignal } = fields(config);
  const words = (value: unknown): string => (list(value).length > 0 ? JSON.stringify(value) : "");
  const all: [string, string][] = [
    ["Entrypoint", words(Entrypoint)],
    ["Command", words(Cmd)],
    ["Directory", text(WorkingDir)],
    ["User", text(User)],
    ["Ports", Object.keys(fields(ExposedPorts)).join(", ")],
    ["Volumes", Object.keys(fields(Volumes)).join(", ")],
    ["Stop signal", text(StopSignal)],
    ["Environment", list(Env).map(text).join("\n")],
  ];
  return all.filter(([, value]) => value !== "");
}

/** Names and values of labels or annotations, in order. */
export const pairs = (value: unknown): [name: string, value: string][] =>
  Object.entries(fields(value))
    .map(([name, each]): [string, string] => [name, text(each)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
