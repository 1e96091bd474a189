/** The order that `depends_on` gives. */
import { DhowError } from "../../lib/errors.ts";
import type { Named } from "../model/project.ts";
import type { Service } from "../model/service.ts";

/** Services, each after those it depends on; as the file has them otherwise. Throws for a cycle. */
export function inOrder(services: Named<Service>): Service[] {
  const ordered: Service[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (name: string, trail: readonly string[]): void => {
    const service = services[name];
    if (!service || state.get(name) === "done") return;
    if (state.get(name) === "open") {
      const cycle = [...trail.slice(trail.indexOf(name)), name].join(" -> ");
      throw new DhowError("invalidArgument", `dependency cycle detected: ${cycle}`);
    }
    state.set(name, "open");
    for (const dependency of Object.keys(service.depends_on ?? {}).sort()) visit(dependency, [...trail, name]);
    state.set(name, "done");
    ordered.push(service);
  };
  for (const name of Object.keys(services).sort()) visit(name, []);
  return ordered;
}

/** The services that depend on `name`, directly. */
export const dependentsOf = (services: Named<Service>, name: string): Service[] =>
  Object.values(services).filter(({ depends_on = {} }) => Object.hasOwn(depends_on, name));
