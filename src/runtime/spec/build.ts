import type { SpecInput } from "./input.ts";
import type { OciProcess, OciSpec } from "./oci.ts";

/** What an exec'd process is made of; the rest is taken from the container's own spec. */
export interface ExecInput {
  readonly spec: OciSpec;
}

/** The bundle's config.json for one container: pure, so that equal input gives an equal spec. */
export declare function buildSpec(input: SpecInput): OciSpec;

/** The process of an exec in a container that was started from `input`. */
export declare function buildExecProcess(input: SpecInput, exec: ExecInput): OciProcess;
