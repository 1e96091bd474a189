/** Outputs as exporters of the daemon that is asked, and as places on this side where they go. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { TypedAttributes } from "../../client/buildkit/builder.ts";
import { type LayoutEntry, type LayoutName, putInLayout } from "../../client/session/layout-index.ts";
import type { ExportSink, ExportTarget } from "../../client/session/services.ts";
import { formatReference, parseReference, withDefaultTag } from "../../lib/reference.ts";
import { ExitError } from "../command.ts";
import type { Output } from "../output.ts";
import { annotationAttributes } from "./annotations.ts";
import type { BuildOutput, Destination } from "./outputs.ts";
import type { ExporterResponse } from "./results.ts";
import type { BuildSettings } from "./settings.ts";

/** What a daemon's builder can do besides building an image of one platform into its store. */
export interface BuilderAbilities {
  /** Exports archives and indexes, pushes by itself, exports cache, attests: not so dockerd without containerd's image store. */
  readonly isFull: boolean;
  readonly hostGateway: string;
}

export interface Exports {
  readonly exporters: readonly TypedAttributes[];
  readonly targets: readonly (ExportTarget | null)[];
  /** The layout that is written blob by blob (`tar=false`). */
  readonly layout: string | null;
  /** Names that this client has to push once they are built. */
  readonly pushNames: readonly string[];
}

export function exportsOf(settings: BuildSettings, { isFull }: BuilderAbilities, stdout: Output): Exports {
  const name = settings.tags.join(",");
  const annotations = annotationAttributes(settings.annotations);
  const outputs: readonly BuildOutput[] =
    settings.outputs.length === 0 ? [{ type: "docker", attrs: {}, destination: null }] : settings.outputs;
  if (!isFull) refuseUnable(settings, outputs);
  const pushNames: string[] = [];
  const exporters = outputs.flatMap((output): TypedAttributes[] => {
    if (output.type === "cacheonly") return [];
    const attrs: Record<string, string> = { ...annotations, ...output.attrs };
    if (["image", "docker", "oci"].includes(output.type) && name !== "") attrs.name ??= name;
    const isStore = output.type === "image" || (output.type === "docker" && output.destination === null);
    if (!isStore) return [{ type: output.type, attrs }];
    const { push, ...rest } = attrs;
    if (push !== "true") return [{ type: "moby", attrs: rest }];
    if (isFull) return [{ type: "image", attrs }];
    pushNames.push(...(attrs.name ?? "").split(","));
    return [{ type: "moby", attrs: rest }];
  });
  const targets = outputs.map((output) =>
    output.destination && layoutPath(output) === null ? targetOf(output.destination, stdout) : null,
  );
  const layouts = outputs.flatMap((output) => layoutPath(output) ?? []);
  if (layouts.length > 1) throw new ExitError(1, "only one output can be a layout in a directory (tar=false)");
  return { exporters, targets, layout: layouts[0] ?? null, pushNames };
}

const layoutPath = ({ type, destination }: BuildOutput): string | null =>
  type !== "local" && destination?.kind === "directory" ? destination.path : null;

/** Enters what the builder has written into the layout. */
export async function enterLayout(layout: string | null, response: ExporterResponse): Promise<void> {
  const descriptor = response.get("containerimage.descriptor");
  if (layout === null || !descriptor) return;
  const names = (response.get("image.name") ?? "").split(",").filter((name) => name !== "");
  await putInLayout(
    layout,
    JSON.parse(Buffer.from(descriptor, "base64").toString()) as LayoutEntry,
    names.length === 0 ? [{ tag: "latest" }] : names.map(layoutName),
  );
}

function layoutName(name: string): LayoutName {
  const reference = withDefaultTag(parseReference(name));
  return { image: formatReference(reference), tag: reference.tag ?? "latest" };
}

/** In the words of Docker's client, whose docker driver refuses the same. */
function refuseUnable(settings: BuildSettings, outputs: readonly BuildOutput[]): void {
  const refused = (what: string): never => {
    throw new ExitError(
      1,
      `${what} is not supported by this daemon: it needs dhow's, or dockerd with the containerd image store`,
    );
  };
  for (const { type, destination } of outputs) {
    if (type === "oci" || (type === "docker" && destination !== null))
      refused(`${type === "oci" ? "OCI" : "Docker"} exporter`);
  }
  if (settings.platforms.length > 1) refused("Multi-platform build");
  if (settings.cacheTo.some(({ type }) => type !== "inline")) refused("Cache export");
  if ([...settings.attestations].some(([type, value]) => value !== null && type === "sbom")) refused("Attestation");
}

function targetOf(destination: Destination, stdout: Output): ExportTarget {
  if (destination.kind === "directory") return destination;
  if (destination.kind === "file") return { kind: "stream", open: () => fileSink(destination.path) };
  return {
    kind: "stream",
    open: async () => ({
      write: (bytes) => stdout.bytes(bytes),
      close: () => stdout.flush(),
      abort: async () => undefined,
    }),
  };
}

/** A file that is there once it is whole. */
async function fileSink(path: string): Promise<ExportSink> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const file = await open(temporary, "wx", 0o644);
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
    },
    async close() {
      await file.close();
      await rename(temporary, path);
    },
    async abort() {
      await file.close();
      await rm(temporary, { force: true });
    },
  };
}
