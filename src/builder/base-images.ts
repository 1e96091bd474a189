/** The images that a build's stages begin at: found here, or pulled. */
import { notFound } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { formatPlatform, type Platform } from "../lib/platform.ts";
import type { BuildRequest } from "./builder.ts";
import { type BuilderOptions, type BuildHold, holdLayers, type ImageBase } from "./collaborators.ts";
import type { BaseImage, BaseImages } from "./dockerfile/plan/options.ts";
import type { Input } from "./dockerfile/plan/plan.ts";
import { fetchLayout, type Layout } from "./sources/layouts.ts";

export class BuildImages implements BaseImages {
  readonly #parts: Pick<BuilderOptions, "images" | "snapshots">;
  readonly #hold: BuildHold;
  readonly #request: Pick<BuildRequest, "pull" | "auths" | "platform">;
  readonly #op: Operation;
  readonly #found = new Map<string, ImageBase>();

  constructor(
    parts: Pick<BuilderOptions, "images" | "snapshots">,
    hold: BuildHold,
    request: Pick<BuildRequest, "pull" | "auths" | "platform">,
    op: Operation,
  ) {
    this.#parts = parts;
    this.#hold = hold;
    this.#request = request;
    this.#op = op;
  }

  async resolve(reference: string, platform: Platform): Promise<BaseImage> {
    return this.#taken(await this.#get(reference, platform), platform);
  }

  /** The image in a client's layout. */
  async resolveLayout(layout: Layout, platform: Platform): Promise<BaseImage> {
    const parts = { ...this.#parts, hold: this.#hold };
    return this.#taken(await fetchLayout(parts, layout, platform, this.#op), platform);
  }

  #taken(base: ImageBase, platform: Platform): BaseImage {
    holdLayers(this.#hold, base.layers);
    this.#found.set(keyOf(base.reference, platform), base);
    const { os, architecture, variant, config, author, history } = base.file;
    return {
      reference: base.reference,
      platform: {
        os: os || "linux",
        architecture: architecture || platform.architecture,
        variant: variant ?? undefined,
      },
      author: author ?? "",
      settings: settingsOf(config),
      history: (history ?? []).map((row) => ({
        created_by: row.created_by ?? "",
        comment: row.comment ?? "",
        empty_layer: row.empty_layer ?? false,
      })),
      layers: base.layers.length,
    };
  }

  async #get(reference: string, platform: Platform): Promise<ImageBase> {
    // Where nobody asked for a platform, an image that is here for another one only is taken as it is.
    const isAsked = this.#request.platform !== "";
    const here =
      this.#parts.images.find(reference, platform) ?? (isAsked ? null : this.#parts.images.find(reference, null));
    if (here && !this.#request.pull) return here;
    const pulled = await this.#parts.images.pull(reference, formatPlatform(platform), this.#request.auths, this.#op);
    if (!pulled) throw notFound(`No such image: ${reference}`);
    return pulled;
  }

  /** One that was resolved. */
  of({ reference, platform }: Extract<Input, { readonly from: "image" }>): ImageBase {
    const found =
      this.#found.get(keyOf(reference, platform)) ??
      [...this.#found.values()].find((one) => one.reference === reference);
    if (!found) throw notFound(`No such image: ${reference}`);
    return found;
  }
}

const keyOf = (reference: string, platform: Platform): string => `${reference} ${formatPlatform(platform)}`;

function settingsOf(config: ImageBase["file"]["config"]): BaseImage["settings"] {
  if (!config) return {};
  const { User, ExposedPorts, Volumes, WorkingDir, Labels, StopSignal, ArgsEscaped, Shell, Healthcheck } = config;
  const given = { User, ExposedPorts, Volumes, WorkingDir, Labels, StopSignal, ArgsEscaped, Shell, Healthcheck };
  return {
    ...given,
    Env: config.Env ?? [],
    OnBuild: config.OnBuild ?? [],
    Cmd: config.Cmd ?? null,
    Entrypoint: config.Entrypoint ?? null,
  };
}
