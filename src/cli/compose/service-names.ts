import { loadProject } from "../../compose/load.ts";
import type { Cli } from "../cli.ts";
import { loadOptions } from "./scope.ts";

/** The services of the project that the flags and the directory give, for completion; none where it cannot be read. */
export async function serviceNames(cli: Cli): Promise<string[]> {
  const silent = { warn: () => {}, readStdin: async () => "" };
  try {
    const project = await loadProject({ ...loadOptions(cli.compose ?? undefined), ...silent });
    return [...Object.keys(project.services), ...Object.keys(project.disabledServices)];
  } catch {
    return [];
  }
}
