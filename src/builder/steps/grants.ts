/** What a Dockerfile may do only by the word of who asks for the build: it may come from anybody. */
import { forbidden } from "../../lib/errors.ts";
import type { BuildPlan, RunWork, Step } from "../dockerfile/plan/plan.ts";
import { DockerfileError } from "../dockerfile/text/dockerfile-error.ts";
import type { Grant } from "../request-results.ts";

/** Throws `forbidden` for what the caller asks for and this engine gives to nobody; in BuildKit's words. */
export function refuseUngivable(asked: ReadonlySet<Grant>, givable: ReadonlySet<Grant>): void {
  for (const grant of asked) {
    if (!givable.has(grant)) {
      throw forbidden(`granting entitlement ${grant} is not allowed by build daemon configuration`);
    }
  }
}

/** Throws `forbidden`, with the step's lines, for the first step that needs a right that was not granted; before any is carried out. */
export function refuseUngranted(plan: BuildPlan, networkMode: string, granted: ReadonlySet<Grant>): void {
  for (const { steps } of plan.stages) {
    for (const step of steps) {
      const missing =
        step.work?.kind === "run" ? neededBy(step.work, networkMode).find((one) => !granted.has(one)) : undefined;
      if (missing !== undefined) throw refusal(missing, step);
    }
  }
}

/** The network of all RUNs is the caller's own word; only one that the file names needs another. */
function neededBy({ security, network, devices }: RunWork, networkMode: string): Grant[] {
  const needed: Grant[] = [];
  if (network === "host" && networkMode !== "host") needed.push("network.host");
  if (security === "insecure") needed.push("security.insecure");
  if (devices.length > 0) needed.push("device");
  return needed;
}

function refusal(grant: Grant, { range }: Step): DockerfileError {
  const { kind, message } = forbidden(`${grant} is not allowed`);
  return new DockerfileError(message, [range], null, { kind });
}
