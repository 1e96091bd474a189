/** Starting: in the order of `depends_on`, each condition awaited once. */
import type { Service } from "../model/service.ts";
import type { ObservedContainer } from "../observe.ts";
import { scheduleOf } from "../schedule.ts";
import type { WaitCondition } from "./operation.ts";
import type { UpContext } from "./up.ts";

export const isRunning = ({ state }: ObservedContainer): boolean =>
  state === "running" || state === "restarting" || state === "paused";

/** Starts those containers of the service that do not run, or that stop within this plan; a job's are the engine's to start. */
export function planStart(context: UpContext, service: Service): void {
  const { plan, observed, names, made } = context;
  if (scheduleOf(service) !== undefined) return;
  for (const name of names.get(service.name) ?? []) {
    const found = observed.containers.find((container) => container.name === name && !container.oneoff);
    const anew = plan.has(`create ${name}`);
    const stops = plan.has(`stop ${name}`);
    if (found && isRunning(found) && !anew && !stops) {
      // What it depends on may have become worse since.
      awaitDependencies(context, service);
      continue;
    }
    if (plan.has(`start ${name}`)) continue;
    const cause = anew ? "new" : stops ? "stopped for its dependencies" : (found?.state ?? "stopped");
    const before = anew ? (made.get(service.name) ?? []) : [`stop ${name}`];
    plan.add(`start ${name}`, { kind: "startContainer", service: service.name, name }, cause, [
      ...before,
      ...awaitDependencies(context, service),
    ]);
  }
}

/** Operations after which the service's dependencies are as it wants them. */
export function awaitDependencies(context: UpContext, service: Service): string[] {
  const { plan, project, names } = context;
  return Object.entries(service.depends_on ?? {}).flatMap(([name, { condition, required }]) => {
    const dependency = project.services[name];
    const containers = names.get(name);
    if (!dependency || !containers) return [];
    // In the order of the services it has been planned before, unless one starts first.
    planStart(context, dependency);
    const started = containers.map((container) => `start ${container}`);
    if (condition === "service_started") return started;
    return [
      plan.add(
        `await ${name} ${condition}`,
        { kind: "awaitService", service: name, condition: condition as WaitCondition, names: containers, required },
        `${service.name} depends on it`,
        started,
      ),
    ];
  });
}
