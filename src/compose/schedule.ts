/** `x-schedule`: a service whose container the engine starts at set times, and `up` only makes. */
import { parseCron } from "../lib/cron.ts";
import { messageOf } from "../lib/errors.ts";
import type { Project } from "./model/project.ts";
import type { Service } from "./model/service.ts";

export const scheduleKey = "x-schedule";

/** The time in the form of cron(8); undefined for a service that is no job. */
export function scheduleOf({ extensions }: Pick<Service, "extensions">): string | undefined {
  const schedule = extensions?.[scheduleKey];
  return schedule === undefined ? undefined : String(schedule);
}

/** What is wrong about a job, or about waiting for one: the keys below the service, and the words. */
export function scheduleComplaints(service: Service, project: Project): [readonly string[], string][] {
  const found: [readonly string[], string][] = [];
  for (const name of Object.keys(service.depends_on ?? {})) {
    const other = project.services[name];
    if (!other || scheduleOf(other) === undefined) continue;
    found.push([
      ["depends_on", name],
      `service ${JSON.stringify(service.name)} depends on ${JSON.stringify(name)}, which runs by its schedule`,
    ]);
  }
  const schedule = service.extensions?.[scheduleKey];
  if (schedule === undefined) return found;
  try {
    if (typeof schedule !== "string") throw new Error("must be a string");
    if (service.provider) throw new Error("a service with a provider cannot have one");
    parseCron(schedule);
  } catch (error) {
    found.push([[scheduleKey], `services.${service.name}.${scheduleKey} ${messageOf(error)}`]);
  }
  return found;
}

/** The names of the project's jobs. */
export const jobsOf = ({ services }: Project): string[] =>
  Object.values(services)
    .filter((service) => scheduleOf(service) !== undefined)
    .map(({ name }) => name);
