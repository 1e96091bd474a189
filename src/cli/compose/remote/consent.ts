/** What the user of somebody else's Compose file is told before it runs: where it is, and what it gets of this machine's variables. */
import { variablesOf } from "../../../compose/interpolation/variables.ts";
import { loadModel } from "../../../compose/load.ts";
import { isRemoteResource } from "../../../compose/loader/remote.ts";
import type { Project } from "../../../compose/model/project.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { ExitError } from "../../command.ts";
import { agrees, askLine } from "../../prompt.ts";
import type { Scope } from "../scope.ts";

export interface Consent {
  /** `-y`: nothing is asked. */
  readonly yes: boolean;
  /** Variables that the command line sets. */
  readonly given?: readonly string[];
}

/** Nothing for files of this machine. Throws where the user does not want it. */
export async function agreeToRemote(scope: Scope, project: Project, { yes, given = [] }: Consent): Promise<void> {
  const [first = ""] = scope.flags.file;
  if (!isRemoteResource(first)) return;
  const { cli } = scope;
  if (!["quiet", "json"].includes(scope.flags.progress)) {
    cli.out(`Your compose stack ${JSON.stringify(first)} is stored in ${JSON.stringify(project.workingDir)}\n`);
  }
  await cli.flush();
  if (yes || scope.dryRun) return;
  const rows = await variableRows(scope, project, new Set(given.map((text) => text.split("=")[0] ?? "")));
  if (rows.length === 0) return;
  cli.out(`\nFound the following variables in configuration:\n${table([titles, ...rows])}\n`);
  const question = "Do you want to proceed with these variables? [Y/n]: ";
  const isAgreed = isTerminal(0)
    ? /^(y(es)?)?$/i.test((await askLine(cli, question, true)).trim())
    : await agrees(cli, question);
  if (!isAgreed) throw new ExitError(1, "operation cancelled by user");
}

const titles = ["VARIABLE", "VALUE", "SOURCE", "REQUIRED", "DEFAULT"];

async function variableRows(scope: Scope, project: Project, given: ReadonlySet<string>): Promise<string[][]> {
  const { root } = await loadModel({ ...scope.loadOptions(), interpolate: false });
  return [...variablesOf(root).values()].map(({ name, required, defaultValue }) => {
    const value = project.environment[name];
    const source = given.has(name)
      ? "command-line"
      : value !== undefined
        ? "environment"
        : defaultValue !== ""
          ? "compose file"
          : "none";
    return [name, value ?? (defaultValue || "<unset>"), source, required ? "yes" : "no", defaultValue];
  });
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = titles.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join("   ")}\n`)
    .join("");
}
