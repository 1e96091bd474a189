/** `up` in the foreground: brings the project up, shows its output, and stops it in the end. */
import type { PerformContext } from "../../compose/execute/perform.ts";
import type { Project } from "../../compose/model/project.ts";
import { observe } from "../../compose/observe.ts";
import { isRunning } from "../../compose/plan/start.ts";
import type { UpOptions } from "../../compose/plan/up.ts";
import { planKill, planStop } from "../../compose/plan/verbs.ts";
import { AttachedLogs } from "./attached.ts";
import { containersOf } from "./choose.ts";
import { converge, type VolumeConsent } from "./converge.ts";
import { hookPrinter } from "./hook-printer.ts";
import type { ImageOptions } from "./images.ts";
import type { LogPrinter } from "./log-printer.ts";
import type { Scope } from "./scope.ts";
import { canShowMenu, UpMenu } from "./up-menu.ts";
import { WatchSwitch } from "./watch-switch.ts";

export interface UpAttachedOptions {
  readonly images: ImageOptions;
  readonly volumes: VolumeConsent;
  readonly up: UpOptions;
  readonly shown: ReadonlySet<string>;
  readonly timestamps: boolean;
  readonly abortOnExit: boolean;
  readonly abortOnFailure: boolean;
  readonly exitCodeFrom: string;
  readonly timeout?: number;
  readonly watch: boolean;
  /** Keys steer it, where there is a terminal for them. */
  readonly menu: boolean;
}

interface ShownFlags {
  readonly attach: readonly string[];
  readonly "attach-dependencies": boolean;
  readonly "no-attach": readonly string[];
}

/** The services whose output is shown: those named, or all; `attach: false` leaves one out unless it is asked for. */
export function shownServices(project: Project, named: readonly string[], flags: ShownFlags): Set<string> {
  const all = Object.values(project.services);
  const asked =
    flags.attach.length > 0
      ? all.filter(({ name }) => flags.attach.includes(name))
      : all.filter(
          ({ name, attach }) =>
            attach !== false && (named.length === 0 || named.includes(name) || flags["attach-dependencies"]),
        );
  return new Set(asked.map(({ name }) => name).filter((name) => !flags["no-attach"].includes(name)));
}

/** Answers the exit code. */
export async function upAttached(
  scope: Scope,
  project: Project,
  printer: LogPrinter,
  options: UpAttachedOptions,
): Promise<number> {
  const abort = Promise.withResolvers<number | "detached">();
  let over = false;
  const interrupted = new AbortController();
  const logs = new AttachedLogs(scope.client, project, printer, {
    shown: options.shown,
    timestamps: options.timestamps,
    onExit(service, code) {
      if (over) return;
      const fails = options.abortOnFailure && code !== 0;
      if (!options.abortOnExit && !fails) return;
      over = true;
      scope.display.print(scope.cli.stderr, "Aborting on container exit...\n");
      abort.resolve(options.exitCodeFrom === "" || options.exitCodeFrom === service ? code : -1);
    },
  });
  let interrupts = 0;
  let menu: UpMenu | null = null;
  const onInterrupt = (): void => {
    interrupts++;
    menu?.[Symbol.dispose]();
    menu = null;
    if (interrupts > 1) {
      void killAll(scope, project).finally(() => process.exit(130));
      return;
    }
    over = true;
    scope.display.print(scope.cli.stderr, "Gracefully Stopping... press Ctrl+C again to force\n");
    interrupted.abort();
    abort.resolve(130);
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  await using _ = {
    async [Symbol.asyncDispose]() {
      menu?.[Symbol.dispose]();
      await logs.close();
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onInterrupt);
    },
  };
  const hookOutput = hookPrinter(project, printer, options.shown);
  await logs.open();
  tellAttached(scope, project, printer, options);
  try {
    const before = await converge(scope, project, options.images, options.up, {
      volumes: options.volumes,
      signal: interrupted.signal,
      hookOutput,
      onStart: (id, service) => logs.noteStart(id, service),
    });
    const since = String(Math.floor(Date.now() / 1000));
    for (const container of before.observed.containers)
      if (!container.oneoff && container.state === "running") logs.attach(container, { since });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  }
  const watch = new WatchSwitch(scope, project, interrupted.signal);
  if (options.watch) watch.toggle();
  if (options.menu && !interrupted.signal.aborted && canShowMenu(scope.display)) {
    menu = new UpMenu(scope.display, options.watch, {
      toggleWatch: () => watch.toggle(),
      detach: () => abort.resolve("detached"),
      interrupt: onInterrupt,
    });
  }
  const code = await Promise.race([abort.promise, logs.ended().then(() => null)]);
  watch.stop();
  menu?.[Symbol.dispose]();
  menu = null;
  if (code === null || code === "detached") return 0;
  const stopped = await stopAll(scope, project, options.timeout, hookOutput);
  if (code >= 0) return code;
  return stopped.get(options.exitCodeFrom) ?? 0;
}

/** Names what is attached to, before anything is written. */
function tellAttached(scope: Scope, project: Project, printer: LogPrinter, { up, shown }: UpAttachedOptions): void {
  const names = Object.values(project.services)
    .filter(({ name, provider }) => shown.has(name) && !provider)
    .flatMap((service) => {
      const count = up.scale.get(service.name) ?? service.scale ?? service.deploy?.replicas ?? 1;
      return Array.from({ length: count }, (_, at) => service.container_name || `${service.name}-${at + 1}`);
    })
    .sort();
  for (const name of names) printer.register(name);
  scope.tell(`Attaching to ${names.join(", ")}`);
}

/** Stops all of the project's services; answers the exit code of each by its service. */
async function stopAll(
  scope: Scope,
  project: Project,
  timeout: number | undefined,
  hookOutput: PerformContext["hookOutput"],
): Promise<Map<string, number>> {
  const observed = await observe(scope.client, project.name);
  const containers = containersOf(observed, [], project);
  const running = containers.filter(isRunning);
  await scope.run(planStop(project, running, timeout), {
    ...scope.performContext(project, observed),
    ...(hookOutput && { hookOutput }),
  });
  const after = await observe(scope.client, project.name);
  return new Map(after.containers.map(({ service, summary }) => [service, exitCodeIn(summary.Status)]));
}

async function killAll(scope: Scope, project: Project): Promise<void> {
  const observed = await observe(scope.client, project.name);
  const containers = containersOf(observed, [], project);
  await scope.run(planKill(containers, "SIGKILL"), scope.performContext(project, observed));
}

/** The code in `Exited (137) 2 seconds ago`. */
export const exitCodeIn = (status: string): number => Number(/^Exited \((\d+)\)/.exec(status)?.[1] ?? 0);
