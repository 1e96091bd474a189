/** What a Dockerfile may ask for. Each limit is far above what people write, and keeps a hostile file from taking the builder along. */
import { invalidArgument } from "../../../lib/errors.ts";

/** Bytes of a Dockerfile. */
export const maxFileBytes = 8 * 1024 * 1024;
/** Bytes of one line as it stands in the file, as in BuildKit. */
export const maxLineBytes = 65_535;
/** Characters of one instruction, its continued lines joined and its heredocs put aside. */
export const maxInstructionLength = 1024 * 1024;
export const maxInstructions = 20_000;
export const maxStages = 2_000;
/** `${a:-${b:-…}}` inside each other. */
export const maxExpansionDepth = 64;
/** Characters that one word may become. */
export const maxExpandedLength = 1024 * 1024;
/** Ports that one EXPOSE may name are all there are of one protocol. */
export const maxPort = 65_535;

const workPerBuild = 64 * 1024 * 1024;

/**
 * Characters looked at and made by all expansions of one build. `ENV a=$a$a` a few dozen times over, or a pattern of many
 * stars, is cheap to write and dear to carry out.
 */
export class ExpansionBudget {
  #left = workPerBuild;

  /** Throws `invalidArgument` once more has been done than any real file needs. */
  spend(amount: number): void {
    this.#left -= amount;
    if (this.#left < 0) throw invalidArgument("the variables of this Dockerfile take too much work to expand");
  }
}
