/** Volumes that are not as the file has them: made anew, with their data lost, only where somebody says so. */
import type { Project } from "../../compose/model/project.ts";
import { isTerminal } from "../../lib/terminal.ts";
import { askLine } from "../prompt.ts";
import type { VolumeConsent } from "./converge.ts";
import type { Scope } from "./scope.ts";

/** Of the changed volumes' keys those that may be made anew; a warning tells of each that stays. */
export async function agreedVolumes(
  scope: Scope,
  project: Project,
  changed: readonly string[],
  consent: VolumeConsent,
): Promise<ReadonlySet<string>> {
  if (consent === "yes") return new Set(changed);
  const agreed = new Set<string>();
  for (const key of changed) {
    const name = JSON.stringify(project.volumes[key]?.name ?? key);
    const differs = `Volume ${name} exists but doesn't match configuration in compose file`;
    if (consent === "ask" && isTerminal(0) && !scope.dryRun) {
      const answer = await askLine(scope.cli, `${differs}. Recreate (data will be lost)? (y/N) `, true);
      if (/^y(es)?$/i.test(answer.trim())) agreed.add(key);
    } else {
      scope.warn(`${differs}: it stays as it is; \`up -y\` makes it anew, without its data`);
    }
  }
  return agreed;
}
