/** One container in the place of another. */
import { type Service, scaleOf } from "../model/service.ts";
import type { ObservedContainer } from "../observe.ts";
import { awaitDependencies, isRunning } from "./start.ts";
import type { UpContext } from "./up.ts";

/** The name that a replacement has until the old container is gone. */
export const temporaryName = (old: ObservedContainer, name: string): string => `${old.id.slice(0, 12)}_${name}`;

/**
 * Adds the operations; answers the one after which the new container stands under its name. `earlier` are those of the
 * service's containers before this one: what starts first goes so many at a time.
 */
export function replaceContainer(
  context: UpContext,
  service: Service,
  old: ObservedContainer,
  name: string,
  cause: string,
  needs: readonly string[],
  earlier: readonly string[],
): string {
  const { plan, options } = context;
  const dependents = context.observed.containers
    .filter(
      ({ service: other, oneoff }) =>
        !oneoff && context.project.services[other]?.depends_on?.[service.name]?.restart === true,
    )
    .map((container) => `stop ${container.name}`);
  const startsFirst = canStartFirst(context, service) && isRunning(old);
  const before = startsFirst ? [...needs, ...takeTurn(context, service, name, earlier)] : needs;
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
  if (startsFirst) {
    const started = plan.add(
      `start ${name}`,
      { kind: "startContainer", service: service.name, name: temporary, standby: true },
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
          standby: true,
        },
        "the old one stops once it works",
        [started],
      ),
    );
  }
  const silent = !startsFirst;
  const stopped = context.stop(old, cause, [...ready, ...dependents], silent);
  const removed = plan.add(
    `remove ${old.name}`,
    { kind: "removeContainer", container: old, volumes: false, silent },
    cause,
    [...ready, stopped, ...dependents],
  );
  return plan.add(`rename ${name}`, { kind: "renameContainer", service: service.name, name, temporary }, cause, [
    removed,
  ]);
}

/** What has to be over before the next is replaced: `update_config` says how many at a time (one; 0 is all), and how long between. */
function takeTurn({ plan }: UpContext, service: Service, name: string, earlier: readonly string[]): string[] {
  const { parallelism = 1, delay = 0 } = service.deploy?.update_config ?? {};
  const last = parallelism > 0 ? earlier.at(-parallelism) : undefined;
  if (last === undefined) return [];
  return delay > 0 ? [plan.add(`delay ${name}`, { kind: "delay", nanoseconds: delay }, "delay", [last])] : [last];
}

/** `update_config.order: start-first`, or nothing said of several replicas, where the old and the new container can stand side by side. */
export function canStartFirst({ options }: UpContext, service: Service): boolean {
  // Of several that stand side by side anyway, the others would go at once.
  const order = service.deploy?.update_config?.order ?? (scaleOf(service) > 1 ? "start-first" : "stop-first");
  if (order !== "start-first" || !options.start) return false;
  const fixedPort = service.ports?.some(({ published = "" }) => /^\d+$/.test(published) && published !== "0");
  const fixedAddress = Object.values(service.networks ?? {}).some(
    (network) => network?.ipv4_address || network?.ipv6_address,
  );
  return !fixedPort && !fixedAddress && !service.network_mode?.startsWith("host");
}
