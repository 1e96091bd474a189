/** One action for each of several names: all are tried, each failure is told, any failure makes the exit code 1. */
import { ApiError } from "../client/client.ts";
import { EmptyName } from "../client/route-call.ts";
import type { Cli } from "./cli.ts";

export async function forEachName(
  cli: Cli,
  names: readonly string[],
  action: (name: string) => Promise<void>,
): Promise<number> {
  let code = 0;
  for (const name of names) {
    try {
      await action(name);
    } catch (error) {
      if (error instanceof ApiError) cli.err(`Error response from daemon: ${error.message}\n`);
      else if (error instanceof EmptyName) cli.err(`${error.message}\n`);
      else throw error;
      code = 1;
    }
  }
  return code;
}
