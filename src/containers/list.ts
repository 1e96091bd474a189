import type { ContainerStatus, ContainerSummary } from "../api/containers.ts";
import type { Filters } from "../api/filters.ts";
import { wallClockNanoseconds } from "../lib/clock.ts";
import { invalidArgument, notFound } from "../lib/errors.ts";
import type { Container } from "./container.ts";
import type { ListQuery } from "./containers.ts";
import type { Context } from "./context.ts";
import { isActive } from "./lifecycle.ts";
import { type ListMoment, networkSettings, portsView, type Sizes, summaryView } from "./views.ts";

type Test = (container: Container) => boolean;

/** Newest first; without `all` only what runs, unless a filter asks for more. */
export async function listContainers(ctx: Context, query: ListQuery): Promise<ContainerSummary[]> {
  const { filters } = query;
  const tests = testsFor(ctx, filters);
  const includesStopped =
    query.all || query.limit > 0 || ["status", "exited", "since", "before"].some((name) => filters.has(name));
  const wanted = ctx.index
    .all()
    .filter((container) => (includesStopped || isActive(container.status)) && tests.every((test) => test(container)))
    .sort(newestFirst);
  const chosen = query.limit > 0 ? wanted.slice(0, query.limit) : wanted;
  const moment: ListMoment = { now: wallClockNanoseconds(), imageIds: new Map() };
  if (!query.size) return chosen.map((container) => summaryView(ctx, container, moment));
  return Promise.all(
    chosen.map(async (container) => summaryView(ctx, container, moment, await sizesOf(ctx, container))),
  );
}

/** Bytes of the writable layer, and of the whole root. */
export async function sizesOf(ctx: Context, container: Container): Promise<Sizes> {
  if (container.broken !== null) return { SizeRw: 0, SizeRootFs: 0 };
  const { size } = await ctx.snapshots.usage(container.id);
  const image = (await ctx.images.sizeOf?.(container.record.image).catch(() => 0)) ?? 0;
  return { SizeRw: size, SizeRootFs: size + image };
}

function newestFirst({ createdAt: a }: Container, { createdAt: b }: Container): number {
  return a < b ? 1 : a > b ? -1 : 0;
}

const statuses: readonly ContainerStatus[] = [
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
];
const healths = ["none", "starting", "healthy", "unhealthy"];

/** One test for each filter given; each filter is satisfied by any of its values, labels by all. */
function testsFor(ctx: Context, filters: Filters): Test[] {
  const tests: Test[] = [];
  for (const [name, values] of filters) {
    const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
    if (!make) throw invalidArgument(`invalid filter '${name}'`);
    if (values.length > 0) tests.push(make(ctx, values));
  }
  return tests;
}

const makers: Readonly<Record<string, (ctx: Context, values: readonly string[]) => Test>> = {
  ancestor: (ctx, values) => {
    const ids = new Set<string>();
    for (const value of values) {
      try {
        ids.add(ctx.images.resolve(value).id);
      } catch {
        // An image that is not here has no containers.
      }
    }
    return (container) => ids.has(container.record.image);
  },
  before: (ctx, values) => {
    const limit = named(ctx, values.at(-1) ?? "").createdAt;
    return ({ createdAt }) => createdAt < limit;
  },
  since: (ctx, values) => {
    const limit = named(ctx, values.at(-1) ?? "").createdAt;
    return ({ createdAt }) => createdAt > limit;
  },
  expose: (_ctx, values) => {
    const wanted = values.flatMap((value) => portRange("expose", value));
    return (container) => wanted.some((port) => Object.hasOwn(container.record.config.ExposedPorts ?? {}, port));
  },
  publish: (ctx, values) => {
    const wanted = new Set(values.flatMap((value) => portRange("publish", value)));
    return (container) =>
      portsView(networkSettings(ctx, container).Ports).some(
        ({ PublicPort, Type }) => PublicPort !== undefined && wanted.has(`${PublicPort}/${Type}`),
      );
  },
  exited: (_ctx, values) => {
    const codes = values.map((value) => {
      if (!/^[+-]?\d+$/.test(value)) {
        throw invalidArgument(`invalid filter 'exited=${value}': strconv.Atoi: parsing "${value}": invalid syntax`);
      }
      return Number(value);
    });
    return ({ status, record }) => !isActive(status) && status !== "created" && codes.includes(record.state.exitCode);
  },
  health: (_ctx, values) => {
    checkChoice("health", values, healths);
    return (container) => values.includes(container.record.state.health?.Status ?? "none");
  },
  id: (_ctx, values) => (container) => values.some((value) => matches(value, container.id, true)),
  isolation: () => () => true,
  "is-task": (_ctx, values) => {
    const wanted = values.map((value) => {
      if (value === "true" || value === "1") return true;
      if (value === "false" || value === "0") return false;
      throw invalidArgument(`invalid filter 'is-task=[${value}]'`);
    });
    return () => wanted.includes(false);
  },
  label: (_ctx, values) => (container) => values.every((value) => hasLabel(container.record.config.Labels, value)),
  name: (_ctx, values) => (container) =>
    values.some((value) => matches(value, container.name, false) || matches(value, `/${container.name}`, false)),
  network: (ctx, values) => (container) => {
    const { Networks } = networkSettings(ctx, container);
    return Object.entries(Networks).some(
      ([name, { NetworkID }]) => values.includes(name) || values.some((v) => v !== "" && NetworkID.startsWith(v)),
    );
  },
  status: (_ctx, values) => {
    checkChoice("status", values, statuses, "state");
    return (container) => values.includes(container.status);
  },
  volume: (_ctx, values) => (container) =>
    container.record.mounts.some((mount) => values.includes(mount.name) || values.includes(mount.destination)),
};

function named(ctx: Context, ref: string): Container {
  const found = ctx.index.find(ref);
  if (!found) throw notFound(`No such container: ${ref}`);
  return found;
}

function checkChoice(filter: string, values: readonly string[], choices: readonly string[], noun = filter): void {
  for (const value of values) {
    if (choices.includes(value)) continue;
    throw invalidArgument(
      `invalid filter '${filter}=${value}': invalid value for ${noun} (${value}): must be one of ${choices.join(", ")}`,
    );
  }
}

/** A filter's value is a regular expression; one that cannot be read is taken literally. */
function matches(pattern: string, text: string, asPrefix: boolean): boolean {
  if (asPrefix && text.startsWith(pattern)) return true;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return text.includes(pattern);
  }
}

export function hasLabel(labels: Readonly<Record<string, string>>, value: string): boolean {
  const at = value.indexOf("=");
  if (at < 0) return Object.hasOwn(labels, value);
  const key = value.slice(0, at);
  return Object.hasOwn(labels, key) && labels[key] === value.slice(at + 1);
}

/** `80`, `80/udp`, `8000-8010/tcp` as single `port/protocol`s. */
function portRange(filter: string, value: string): string[] {
  const [range = "", protocol = "tcp"] = value.split("/");
  const [first = "", last = first] = range.split("-");
  for (const part of [first, last]) {
    if (!/^\d+$/.test(part)) {
      throw invalidArgument(
        `error while looking up for ${filter} ${value}: strconv.ParseUint: parsing "${part}": invalid syntax`,
      );
    }
  }
  const ports: string[] = [];
  for (let port = Number(first); port <= Math.min(Number(last), 65_535); port++) ports.push(`${port}/${protocol}`);
  return ports;
}
