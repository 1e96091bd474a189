import { paths } from "../../../api/paths.ts";
import type { Client } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { runHooks } from "../../../compose/execute/hooks.ts";
import { writeFiles } from "../../../compose/execute/write-files.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { converge } from "../../compose/converge.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { ensureImages, imageDefaults } from "../../compose/images.ts";
import { createOneOff, type OneOff } from "../../compose/one-off.ts";
import { agreeToRemote } from "../../compose/remote/consent.ts";
import { Scope } from "../../compose/scope.ts";
import { readEnvironment } from "../../container/env-file.ts";
import { beginWait, hijackStreams, inspectContainer } from "../../container/run.ts";
import { followSize, forwardSignals, joinStreams } from "../../container/streams.ts";

export const command = defineCommand({
  summary: "Run a command in a container of its own, made like those of a service",
  usage: "SERVICE [COMMAND] [ARGS...]",
  args: { min: 1 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    build: flag.bool("Build the image first"),
    "cap-add": flag.list("Add a capability"),
    "cap-drop": flag.list("Drop a capability"),
    detach: flag.bool("Leave it running and print its ID", { short: "d" }),
    entrypoint: flag.string("Run this instead of the image's entrypoint"),
    env: flag.list("Environment variable", { short: "e", kind: "stringArray" }),
    "env-from-file": flag.list("File of environment variables", { kind: "stringArray", complete: "files" }),
    interactive: flag.bool("Keep standard input open", { short: "i", initial: true }),
    label: flag.list("Label of the container (name=value)", { short: "l" }),
    name: flag.string("Name of the container"),
    "no-TTY": flag.bool("Give it no terminal (it has one where there is one here)", { short: "T" }),
    "no-deps": flag.bool("Leave dependencies alone"),
    publish: flag.list("Publish a port", { short: "p", kind: "stringArray" }),
    pull: flag.string("When to pull: always, missing, never", { initial: "policy" }),
    quiet: flag.bool("Say nothing of what is prepared", { short: "q" }),
    "quiet-build": flag.bool("Build without a word"),
    "quiet-pull": flag.bool("Pull without a word"),
    "remove-orphans": flag.bool("Remove containers of services that the file does not have"),
    rm: flag.bool("Remove the container when it ends"),
    "service-ports": flag.bool("Publish the service's ports", { short: "P" }),
    tty: flag.bool("Give it a terminal", { short: "t", initial: true, hidden: true }),
    "use-aliases": flag.bool("Let it answer to the service's names"),
    user: flag.string("User to run as (name or uid)", { short: "u" }),
    volume: flag.list("Mount a path or volume", { short: "v", kind: "stringArray" }),
    workdir: flag.string("Working directory inside the container", { short: "w" }),
  },
  interspersed: false,
  async run(cli, input) {
    const { flags, changed, args } = input;
    const [name = "", ...words] = args;
    if (flags.publish.length > 0 && flags["service-ports"])
      throw new ExitError(1, "--service-ports and --publish are incompatible");
    const scope = await Scope.open(cli, input, flags.quiet);
    const given = await scope.project({ services: [name], withoutDependencies: flags["no-deps"] });
    if (!given.services[name]) throw new ExitError(1, `no such service: ${name}`);
    await agreeToRemote(scope, given, { yes: false, given: flags.env });
    if (given.services[name].provider) {
      throw new ExitError(
        1,
        `service ${JSON.stringify(name)} has a provider: there is no container to run a command in`,
      );
    }
    const images = {
      ...imageDefaults,
      pull: flags.pull,
      build: flags.build,
      quietPull: flags["quiet-pull"] || flags.quiet,
      quietBuild: flags["quiet-build"] || flags.quiet,
    };
    // Everything but the service itself is brought up; of that only networks and volumes are made.
    const { project } = await converge(scope, given, images, {
      services: Object.keys(given.services).filter((other) => other !== name),
      recreate: "diverged",
      recreateDependencies: "diverged",
      renewVolumes: false,
      removeOrphans: flags["remove-orphans"],
      ignoreOrphans: flags.quiet,
      scale: new Map(),
      start: true,
      leaveOut: name,
    });
    const service = project.services[name];
    if (scope.dryRun || !service) return 0;
    const ids = await ensureImages(scope, { ...project, services: { [name]: service } }, { ...images, build: false });
    const tty = !flags.detach && flags.tty && !flags["no-TTY"] && isTerminal(0) && isTerminal(1);
    const environment = await readEnvironment(flags["env-from-file"], flags.env);
    const made = await createOneOff(scope, project, name, ids, { flags, changed, command: words, environment, tty });
    const { client } = scope;
    await writeFiles(client, project, made.service, made.id);
    if (flags.detach) {
      await client.json(to(paths.containerStart, { id: made.id }));
      cli.out(`${flags.name || made.id}\n`);
      return 0;
    }
    try {
      return await join(cli, client, made, { tty, stdin: flags.interactive });
    } finally {
      if (flags.rm) await client.json(to(paths.containerRemove, { id: made.id }, { force: true, v: true }));
    }
  },
});

/** Starts it with our streams on it; answers its exit code. */
async function join(
  cli: Cli,
  client: Client,
  { id, service }: OneOff,
  { tty, stdin }: { readonly tty: boolean; readonly stdin: boolean },
): Promise<number> {
  const query = { stream: true, stdin, stdout: true, stderr: true };
  const hijacked = await hijackStreams(client, to(paths.containerAttach, { id }, query));
  const stopSignals = tty
    ? () => {}
    : forwardSignals((signal) => client.json(to(paths.containerKill, { id }, { signal })));
  const { code } = await beginWait(client, id, "next-exit");
  const joined = joinStreams(cli, hijacked, { tty, stdin, detachKeys: "" });
  joined.catch(() => undefined);
  try {
    await client.json(to(paths.containerStart, { id }));
  } catch (error) {
    hijacked.stream.close();
    throw error;
  }
  // A command that has ended already has nothing that could be prepared for it.
  const hooks = runHooks(client, id, service.post_start ?? [], `${service.name} post-start`);
  await hooks.catch(async (error: unknown) => {
    if ((await inspectContainer(client, id)).State.Running) throw error;
  });
  const stopSizes = tty
    ? await followSize(({ rows, columns }) =>
        client.json(to(paths.containerResize, { id }, { h: String(rows), w: String(columns) })),
      )
    : () => {};
  const end = await joined;
  stopSizes();
  const result = end.detached ? 0 : await code;
  stopSignals();
  return result;
}
