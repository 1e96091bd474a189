/** Commands that are those of one container, for the container of a service. */

import type { ObservedContainer } from "../../compose/observe.ts";
import { flag } from "../../lib/flags.ts";
import type { Cli } from "../cli.ts";
import { oneContainer } from "./choose.ts";
import { dryRunFlag } from "./globals.ts";
import { Scope } from "./scope.ts";

export const indexFlags = {
  ...dryRunFlag,
  index: flag.int("Number of the container, where a service has several"),
};

/** The container that the flags mean; null with --dry-run, when nothing is to be done. */
export async function serviceContainer(
  cli: Cli,
  input: { readonly flags: { readonly index: number; readonly "dry-run": boolean } },
  service: string,
  running = false,
): Promise<ObservedContainer | null> {
  const scope = await Scope.open(cli, input);
  const { observed } = await scope.found();
  const found = oneContainer(observed, service, input.flags.index, running);
  return scope.dryRun ? null : found;
}
