import type { HookOutput } from "../../compose/execute/hooks.ts";
import type { Project } from "../../compose/model/project.ts";
import { type LogPrinter, shortName } from "./log-printer.ts";

/** Prints what hooks write among the lines of the shown services' containers, under the container's name and an arrow. */
export function hookPrinter(
  project: Project,
  printer: LogPrinter,
  shown: ReadonlySet<string>,
): (service: string, container: string) => HookOutput | undefined {
  return (service, container) => {
    if (!shown.has(service)) return undefined;
    const sink = printer.sink(`${shortName(project.name, container)} ->`);
    return {
      write: (bytes, stream) => void (stream === "stderr" ? sink.err : sink.out).bytes(bytes),
      end: () => sink.end(),
    };
  };
}
