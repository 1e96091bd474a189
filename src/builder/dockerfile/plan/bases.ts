/** Images, by reference or as named contexts: what stages begin at and copy from. Each is resolved once. */
import { DhowError, invalidArgument, kindOf, messageOf } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { formatPlatform, normalizePlatform, type Platform } from "../../../lib/platform.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../../lib/reference.ts";
import { didYouMean } from "../../../lib/suggest.ts";
import type { Linter } from "../lint/linter.ts";
import { DockerfileError, located } from "../text/dockerfile-error.ts";
import type { Range } from "../text/source.ts";
import type { StageNode, Supplier } from "./graph.ts";
import type { BaseImage, NamedContext, PlanOptions } from "./options.ts";
import type { Input } from "./plan.ts";

/** A base that has been found. */
export interface FoundBase {
  readonly input: Input;
  readonly platform: Platform;
  /** Null for `scratch` and for files without a configuration. */
  readonly image: BaseImage | null;
}

const commonImages = ["alpine", "busybox", "centos", "debian", "golang", "ubuntu", "fedora"];

export class Bases {
  readonly #options: PlanOptions;
  readonly #linter: Linter;
  readonly #stageNames: readonly string[];
  readonly #found = new Map<string, Promise<BaseImage>>();

  constructor(options: PlanOptions, linter: Linter, stageNames: readonly string[]) {
    this.#options = options;
    this.#linter = linter;
    this.#stageNames = stageNames;
  }

  get targetPlatform(): Platform {
    return this.#options.targetPlatform ?? this.#options.buildPlatform;
  }

  /** Throws DockerfileError for a base that is no image's name; a stage that nobody needs has to have a right one, too. */
  check({ base, baseStage, replacement, stage }: StageNode): void {
    if (baseStage !== null || replacement !== null || base === "scratch") return;
    located([stage.from.statement.range], stage.from.statement.words[0]?.range ?? null, () => referenceOf(base));
  }

  /** The base of a stage that begins at no other stage. */
  async ofStage(node: StageNode): Promise<FoundBase> {
    const { range } = node.stage.from.statement;
    const platform = node.platform ?? this.targetPlatform;
    if (node.replacement !== null) return this.#named(node.replacement, platform);
    if (node.base === "scratch") return { input: { from: "scratch" }, platform: this.targetPlatform, image: null };
    const found = await this.#image(node.base, platform, range);
    if (found.image === null || found.input.from !== "image") return found;
    const own = found.image.platform;
    // Nobody asked for a platform: what there is, is taken.
    const isImplied = node.platform === null && this.#options.targetPlatform === null;
    if (!isImplied && (own.os !== platform.os || own.architecture !== platform.architecture)) {
      const [wanted, actual] = [platform, own].map((each) => formatPlatform(normalizePlatform(each)));
      this.#linter.report("InvalidBaseImagePlatform", range, node.base, wanted!, actual!);
    }
    return isImplied ? { ...found, platform: own } : found;
  }

  /** What a copy or mount takes files from, where it is no stage. */
  async ofSupplier(supplier: Exclude<Supplier, StageNode>): Promise<Input> {
    if (supplier.reference === "scratch") return { from: "scratch" };
    return (await this.#image(supplier.reference, this.targetPlatform, supplier.range)).input;
  }

  async #image(name: string, platform: Platform, range: Range): Promise<FoundBase> {
    const reference = located([range], null, () => referenceOf(name));
    const contextName = this.#contextFor(reference);
    if (contextName !== null) return this.#named(contextName, platform);
    const full = formatReference(reference);
    const key = `${full} ${formatPlatform(platform)}`;
    const pending = this.#found.get(key) ?? this.#options.images.resolve(full, platform);
    this.#found.set(key, pending);
    try {
      const image = await pending;
      return { input: { from: "image", reference: image.reference, platform: image.platform }, platform, image };
    } catch (error) {
      if (!(error instanceof DhowError)) throw error;
      const meant = didYouMean(name, [
        ...this.#stageNames,
        ...commonImages,
        ...commonImages.map((each) => `${each}:latest`),
      ]);
      throw new DockerfileError(`${name}: ${messageOf(error)}${meant}`, [range], null, {
        cause: error,
        kind: kindOf(error),
      });
    }
  }

  /** A named context stands in for an image that people call by its name. */
  #contextFor(reference: Reference): string | null {
    const name = familiarReference(reference).replace(/:latest$/, "");
    return this.#options.namedContexts.has(name.toLowerCase()) ? name.toLowerCase() : null;
  }

  async #named(name: string, platform: Platform): Promise<FoundBase> {
    const context: NamedContext = this.#options.namedContexts.get(name)!;
    const image = context.kind === "image" ? await context.resolve(platform) : null;
    if (image === null) return { input: { from: "named", name }, platform, image };
    const { reference } = image;
    return { input: { from: "image", reference, platform: image.platform }, platform: image.platform, image };
  }
}

function referenceOf(name: string): Reference {
  try {
    return withDefaultTag(parseReference(name));
  } catch (error) {
    throw invalidArgument(`failed to parse stage name ${printf("%q", [name])}: ${messageOf(error)}`, { cause: error });
  }
}
