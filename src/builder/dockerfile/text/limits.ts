/** What a Dockerfile may ask for. Each limit is far above what people write, and keeps a hostile file from taking the builder along. */
import { invalidArgument } from "../../../lib/errors.ts";

/** Bytes of a Dockerfile. */
export const maxFileBytes = 4 * 1024 * 1024;
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

const workPerBuild = 12 * 1024 * 1024;

/**
 * The work of one build: characters that expansions look at and make, and settings that are carried from instruction to
 * instruction. `ENV a=$a$a` a few dozen times over, a pattern of many stars, or ten thousand labels, each in a line of its
 * own, are cheap to write and dear to carry out.
 */
export class WorkBudget {
  #left = workPerBuild;

  /** Throws `invalidArgument` once more has been done than any real file needs. */
  spend(amount: number): void {
    this.#left -= amount;
    if (this.#left < 0) throw invalidArgument("this Dockerfile takes more work to read than a builder does");
  }
}
