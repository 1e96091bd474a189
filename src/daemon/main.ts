/** The daemon's life: configuration, roots, engine, sockets, signals, and the way out. */
import { constants } from "node:os";
import type { Engine } from "../engine/engine.ts";
import { messageOf } from "../lib/errors.ts";
import { HelpRequest, UsageError } from "../lib/flags.ts";
import { describeFlags } from "../lib/flags-help.ts";
import { commit, version } from "../lib/version.ts";
import { trimWhenIdle } from "../linux/idle-trim.ts";
import { useProxies } from "../registry/proxies.ts";
import { type Backends, completeBackends } from "./backends.ts";
import { type DaemonConfig, type Defaults, dhowDefaults, dockerdDefaults, readConfig } from "./config.ts";
import { daemonFlags } from "./config-flags.ts";
import { takeRoots } from "./data-root.ts";
import { createHandlers } from "./handlers/all.ts";
import { openListeners, takeInheritedSockets } from "./listeners.ts";
import { createLogger, type DaemonLogger } from "./log.ts";
import { writePidfile } from "./pidfile.ts";
import { createApi } from "./server.ts";
import { stopMain } from "./stop.ts";
import { readTlsFiles } from "./tls-files.ts";

/** Runs the role `daemon` (or `dockerd`) until it is told to end, then exits the process. */
export async function daemonMain(args: readonly string[], calledAs = "dhow"): Promise<void> {
  const defaults = calledAs === "dockerd" ? dockerdDefaults : dhowDefaults;
  if (args[0] === "stop") process.exit(await stopMain(args.slice(1), defaults));
  const config = configOrExit(args, defaults);
  if (config.only === "version") {
    process.stdout.write(`dhow version ${version}, build ${commit}\n`);
    process.exit(0);
  }
  if (config.only === "validate") {
    process.stdout.write("configuration OK\n");
    process.exit(0);
  }
  if (process.getuid?.() !== 0) {
    process.stderr.write("dhow daemon needs to be started with root privileges\n");
    process.exit(1);
  }
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  surviveStrayFailures(log);
  useProxies(config.proxies, process.env);
  for (const notice of config.notices) log.info(notice);
  try {
    await serve(config, args, defaults, log);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`failed to start daemon: ${messageOf(error)}\n`);
    log.debug("start failed", { error: error instanceof Error ? error.stack : String(error) });
    process.exit(1);
  }
}

function configOrExit(args: readonly string[], defaults: Defaults): DaemonConfig {
  try {
    return readConfig(args, defaults);
  } catch (error) {
    if (error instanceof HelpRequest) {
      process.stdout.write(`Usage:  dhow daemon [OPTIONS]\n\nA self-sufficient runtime for containers\n\nOptions:\n`);
      process.stdout.write(`${describeFlags(daemonFlags, process.stdout.columns || 100)}\n`);
      process.exit(0);
    }
    const hint = error instanceof UsageError ? "\nSee 'dhow daemon --help'." : "";
    process.stderr.write(`${messageOf(error)}${hint}\n`);
    process.exit(1);
  }
}

async function serve(
  config: DaemonConfig,
  args: readonly string[],
  defaults: Defaults,
  log: DaemonLogger,
): Promise<void> {
  const end = Promise.withResolvers<void>();
  let ending = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info(`Processing signal '${signal}'`);
    // What an impatient user leaves behind is what kill -9 leaves: the next start settles it.
    if (ending) process.exit(128 + constants.signals[signal]);
    ending = true;
    end.resolve();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("SIGPIPE", () => {});

  const tls = config.tls && readTlsFiles(config.tls);
  await using stack = new AsyncDisposableStack();
  stack.use(takeRoots(config.engine.dataRoot, config.engine.execRoot));
  stack.use(writePidfile(config.pidfile));
  const inherited = takeInheritedSockets(process.env);
  const { createEngine } = await import("../engine/engine.ts");
  const engine = stack.use(await createEngine(config.engine, log));
  const backends = engineBackends(engine, end.resolve);
  const api = createApi({ handlers: createHandlers(backends), log });
  stack.use(
    await openListeners({
      hosts: config.hosts,
      group: config.group,
      groupWanted: config.groupWanted,
      tls,
      serve: api.serve,
      log,
      inherited,
    }),
  );
  let reloaded = Promise.resolve();
  process.on("SIGHUP", () => {
    reloaded = reloaded.then(() => reload(args, defaults, log, engine));
  });
  await notifySystemd(log);
  trimWhenIdle();
  log.info("Daemon has completed initialization", { version });
  await end.promise;
  log.info("Daemon shutdown: containers go on running");
}

/** The engine's services as the handlers want them; `end` starts the way out. */
function engineBackends(engine: Engine, end: () => void): Backends {
  return completeBackends({
    containers: engine.containers,
    exec: engine.exec,
    builds: engine.builder,
    images: engine.images,
    imageParts: engine.images,
    networks: engine.networks,
    volumes: engine.volumes,
    volumeTransfers: engine.volumes.transfers,
    system: {
      info: (op) => engine.system.info(op),
      version: (op) => engine.system.version(op),
      auth: (config, op) => engine.images.login(config, op),
      dataUsage: (parts, op) => engine.system.dataUsage(parts, op),
      events: (query, op) => engine.events.subscribe(query, op.signal),
      gc: (query, op) => engine.gc.run(query, op),
      check: (query, op) => engine.check.run(query, op),
      async stop({ all }) {
        if (all) await engine.stopAll();
        // The reply goes out first.
        setTimeout(end, 20);
      },
    },
  });
}

/** SIGHUP: reads the configuration again; what is wrong is logged, and the old one stays. */
async function reload(args: readonly string[], defaults: Defaults, log: DaemonLogger, engine: Engine): Promise<void> {
  log.info("Got signal to reload configuration");
  try {
    const config = readConfig(args, defaults);
    const { taken, waiting } = await engine.reload(config.engine);
    log.setLevel(config.logLevel);
    for (const notice of config.notices) log.info(notice);
    log.info("Reloaded configuration", { changed: taken.join(",") });
    if (waiting.length > 0)
      log.warn("Some options take effect at the daemon's next start", { options: waiting.join(",") });
  } catch (error) {
    log.error("Error reloading configuration", { error: messageOf(error) });
  }
}

/** One request's failure that nobody awaited must not end the others. */
function surviveStrayFailures(log: DaemonLogger): void {
  const report = (error: unknown): void =>
    log.error("a failure that nobody handled", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  process.on("unhandledRejection", report);
  process.on("uncaughtException", report);
}

/** Tells systemd that the sockets answer (sd_notify(3)), where it asked for that. */
async function notifySystemd(log: DaemonLogger): Promise<void> {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  try {
    await Bun.spawn(["systemd-notify", "--ready", `--pid=${process.pid}`], { stdio: ["ignore", "ignore", "ignore"] })
      .exited;
  } catch (error) {
    log.warn(`systemd was not notified: ${messageOf(error)}`);
  }
  delete process.env.NOTIFY_SOCKET;
}
