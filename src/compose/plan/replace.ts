/** One container in the place of another. */
import type { Service } from "../model/service.ts";
import type { ObservedContainer } from "../observe.ts";
import { awaitDependencies, isRunning } from "./start.ts";
import type { UpContext } from "./up.ts";

/** The name that a replacement has until the old container is gone. */
export const temporaryName = (old: ObservedContainer, name: string): string => `${old.id.slice(0, 12)}_${name}`;

/** Adds the operations; answers the one after which the new container stands under its name. */
export function replaceContainer(
  context: UpContext,
  service: Service,
  old: ObservedContainer,
  name: string,
  cause: string,
  before: readonly string[],
): string {
  const { plan, options } = context;
  const dependents = context.observed.containers
    .filter(
      ({ service: other, oneoff }) =>
        !oneoff && context.project.services[other]?.depends_on?.[service.name]?.restart === true,
    )
    .map((container) => `stop ${container.name}`);
  const temporary = temporaryName(old, name);
  const created = plan.add(
    `create ${name}`,
    {
      kind: "createContainer",
      service: service.name,
      number: old.number,
      name: temporary,
      replaces: old,
      renewVolumes: options.renewVolumes,
    },
    cause,
    before,
  );
  const ready = [created];
  if (canStartFirst(context, service) && isRunning(old)) {
    const started = plan.add(
      `start ${name}`,
      { kind: "startContainer", service: service.name, name: temporary },
      "starts before the old one stops",
      [created, ...awaitDependencies(context, service)],
    );
    ready.push(
      plan.add(
        `await ${name}`,
        {
          kind: "awaitService",
          service: service.name,
          condition: "running_or_healthy",
          names: [temporary],
          required: true,
        },
        "the old one stops once it works",
        [started],
      ),
    );
  }
  const stopped = context.stop(old, cause, [...ready, ...dependents]);
  const removed = plan.add(
    `remove ${old.name}`,
    { kind: "removeContainer", container: old, volumes: options.renewVolumes },
    cause,
    [...ready, stopped, ...dependents],
  );
  return plan.add(`rename ${name}`, { kind: "renameContainer", service: service.name, name, temporary }, cause, [
    removed,
  ]);
}

/** `update_config.order: start-first`, where the old and the new container can stand side by side. */
export function canStartFirst({ options }: UpContext, service: Service): boolean {
  if (service.deploy?.update_config?.order !== "start-first" || !options.start) return false;
  const fixedPort = service.ports?.some(({ published = "" }) => /^\d+$/.test(published) && published !== "0");
  const fixedAddress = Object.values(service.networks ?? {}).some(
    (network) => network?.ipv4_address || network?.ipv6_address,
  );
  return !fixedPort && !fixedAddress && !service.network_mode?.startsWith("host");
}
