/** `compose watch`: changes of files here carried into containers, by the rules of `develop.watch`. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { runHook } from "../../compose/execute/hooks.ts";
import type { WatchRule } from "../../compose/model/lifecycle.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { type ObservedContainer, observe } from "../../compose/observe.ts";
import { messageOf } from "../../lib/errors.ts";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { readIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import { ExitError } from "../command.ts";
import { buildServices } from "./build.ts";
import { converge } from "./converge.ts";
import { imageDefaults } from "./images.ts";
import type { Scope } from "./scope.ts";
import { insideOf, type SyncRule, sortChanges, syncArchive } from "./sync-archive.ts";

export interface WatchOptions {
  readonly quiet: boolean;
  /** Dangling images go after each rebuild. */
  readonly prune: boolean;
  readonly signal?: AbortSignal;
}

/** Changes that come within this many milliseconds are taken together. */
const settleMs = 200;

interface Watched {
  readonly service: Service;
  readonly rule: WatchRule;
  readonly isIgnored: SyncRule["isIgnored"];
  /** Changed paths, relative to the rule's. */
  readonly changed: Set<string>;
}

/** Throws where no service has a rule. */
export function checkWatchable(project: Project): void {
  if (Object.values(project.services).some(({ develop }) => (develop?.watch ?? []).length > 0)) return;
  throw new ExitError(1, "none of the selected services is configured for watch, consider setting a 'develop' section");
}

/** Watches until the signal; throws where no service has a rule. */
export async function watchProject(scope: Scope, project: Project, options: WatchOptions): Promise<void> {
  checkWatchable(project);
  const watched: Watched[] = [];
  for (const service of Object.values(project.services)) {
    for (const rule of service.develop?.watch ?? []) {
      watched.push({ service, rule, isIgnored: await ignoreOf(service, rule), changed: new Set() });
    }
  }
  const wake = new Signal();
  const watchers = watched.map((each) => watchPath(each, () => wake.set()));
  const stop = (): void => wake.end();
  options.signal?.addEventListener("abort", stop, { once: true });
  scope.tell("Watch enabled");
  try {
    for (const each of watched.filter(({ rule }) => rule.initial_sync)) await sync(scope, project, each, ["."]);
    while (await wake.wait()) {
      await Bun.sleep(settleMs);
      for (const each of watched) await applyChanges(scope, project, each, options);
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}

class Signal {
  #next = Promise.withResolvers<void>();
  #ended = false;

  set(): void {
    this.#next.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#next.resolve();
  }

  /** False once it has ended. */
  async wait(): Promise<boolean> {
    await this.#next.promise;
    this.#next = Promise.withResolvers<void>();
    return !this.#ended;
  }
}

function watchPath(each: Watched, wake: () => void): FSWatcher {
  const { path } = each.rule;
  const single = statSync(path).isFile();
  return watch(single ? dirname(path) : path, { recursive: !single }, (_, name) => {
    if (name === null) return;
    const changed = single ? (join(dirname(path), name) === path ? "." : null) : name;
    if (changed === null || (changed !== "." && each.isIgnored(changed))) return;
    each.changed.add(changed);
    wake();
  });
}

/** What the rule's `ignore`, the build's .dockerignore and our own taste leave out. */
async function ignoreOf(
  { build }: Service,
  { path, ignore = [], include = [] }: WatchRule,
): Promise<SyncRule["isIgnored"]> {
  const context = build?.context ?? "";
  const text = context === "" ? null : await readFile(join(context, ".dockerignore"), "utf8").catch(() => null);
  const fromFile = text === null ? null : new IgnoreMatcher(readIgnoreFile(text));
  const own = new IgnoreMatcher([...ignore, "**/.git", "**/*~", "**/.*.sw?"]);
  const wanted = include.length > 0 ? new IgnoreMatcher(include) : null;
  return (changed, kind) => {
    // What is wanted may lie below a directory that is not named.
    if (wanted && kind !== "directory" && !wanted.matches(changed)) return true;
    const inContext = context === "" ? "" : relative(context, join(path, changed));
    return (
      own.matches(changed) || (inContext !== "" && !inContext.startsWith("..") && fromFile?.matches(inContext) === true)
    );
  };
}

async function applyChanges(scope: Scope, project: Project, each: Watched, options: WatchOptions): Promise<void> {
  const changed = [...each.changed].sort();
  each.changed.clear();
  if (changed.length === 0) return;
  const { service, rule } = each;
  try {
    if (rule.action === "rebuild") return await rebuild(scope, project, service, options);
    if (rule.action !== "restart") await sync(scope, project, each, changed);
    if (rule.action === "restart" || rule.action === "sync+restart") await restart(scope, project, service);
    if (rule.action === "sync+exec") await runAfter(scope, project, service, rule);
  } catch (error) {
    // The next change may mend it.
    scope.warn(`${service.name}: ${messageOf(error)}`);
  }
}

async function running(scope: Scope, project: Project, service: Service): Promise<ObservedContainer[]> {
  const { containers } = await observe(scope.client, project.name);
  return containers.filter((each) => each.service === service.name && !each.oneoff && each.state === "running");
}

async function rebuild(scope: Scope, project: Project, service: Service, options: WatchOptions): Promise<void> {
  scope.tell(`Rebuilding service(s) ["${service.name}"] after changes were detected...`);
  await buildServices(scope, project, [service], { quiet: options.quiet });
  await converge(scope, project, imageDefaults, {
    services: [service.name],
    recreate: "diverged",
    recreateDependencies: "never",
    renewVolumes: false,
    removeOrphans: false,
    ignoreOrphans: true,
    scale: new Map(),
    start: true,
  });
  scope.tell(`service(s) ["${service.name}"] successfully built`);
  if (!options.prune) return;
  const filters = new Map([
    ["dangling", ["true"]],
    ["label", [`com.docker.compose.project=${project.name}`]],
  ]);
  await scope.client.json(to(paths.imagePrune, {}, { filters }));
}

async function restart(scope: Scope, project: Project, service: Service): Promise<void> {
  const containers = await running(scope, project, service);
  await Promise.all(containers.map(({ id }) => scope.client.json(to(paths.containerRestart, { id }))));
  scope.tell(`service(s) ["${service.name}"] restarted`);
}

async function runAfter(scope: Scope, project: Project, service: Service, { exec }: WatchRule): Promise<void> {
  if (!exec) return;
  for (const { id, name } of await running(scope, project, service)) {
    const code = await runHook(scope.client, id, exec);
    if (code !== 0) scope.warn(`${name}: the command after a sync exited with status ${code}`);
  }
}

/** Puts what has changed into every container of the service, and takes away there what is gone here. */
async function sync(
  scope: Scope,
  project: Project,
  { service, rule, isIgnored }: Watched,
  changed: readonly string[],
): Promise<void> {
  const { path, target = "" } = rule;
  const from: SyncRule = { path, target, isIgnored };
  const { present, gone } = await sortChanges(from, changed);
  const count = present.length + gone.length;
  if (count === 0) return;
  scope.tell(`Syncing service ${JSON.stringify(service.name)} after ${count} changes were detected`);
  const containers = await running(scope, project, service);
  await Promise.all(
    containers.map(async (container) => {
      if (gone.length > 0)
        await remove(
          scope,
          container,
          gone.map((name) => insideOf(from, name)),
        );
      if (present.length > 0) await put(scope, container.id, syncArchive(from, present));
    }),
  );
}

/** Directories that are missing on the way are made: the archive's names lead down from the root. */
async function put(scope: Scope, id: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
  await scope.client.json(to(paths.containerPutArchive, { id }, { path: "/" }), {
    headers: { "Content-Type": "application/x-tar" },
    body: tar,
  });
}

/** Paths that one command line takes. */
const removedAtOnce = 500;

/** The API can put files into a container but take none away: its own `rm` does, where it has one. */
async function remove(scope: Scope, { id, name }: ObservedContainer, inside: readonly string[]): Promise<void> {
  for (let at = 0; at < inside.length; at += removedAtOnce) {
    const command = ["rm", "-rf", "--", ...inside.slice(at, at + removedAtOnce)];
    const code = await runHook(scope.client, id, { command, user: "root" }).catch((error: unknown) => messageOf(error));
    if (code !== 0) {
      const why = code === 126 || code === 127 ? "there is no rm in it" : code;
      scope.warn(`${name}: ${inside.slice(at).join(" ")}: not removed: ${why}`);
      return;
    }
  }
}
