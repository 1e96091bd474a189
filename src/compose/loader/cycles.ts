import type { Named } from "../model/project.ts";
import type { Service } from "../model/service.ts";

/** Circles of services that depend on each other: each once, its first service named again at its end. */
export function dependencyCycles(services: Named<Service>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    const at = path.indexOf(name);
    if (at >= 0) {
      cycles.push([...path.slice(at), name]);
      return;
    }
    if (done.has(name)) return;
    path.push(name);
    for (const next of Object.keys(services[name]?.depends_on ?? {}).sort()) {
      if (Object.hasOwn(services, next)) visit(next);
    }
    path.pop();
    done.add(name);
  };
  for (const name of Object.keys(services).sort()) visit(name);
  return cycles;
}
