/** The CLI role: finds the command, parses its flags by its table, runs it, and turns what it throws into an exit code. */
import { ApiError } from "../client/client.ts";
import { HelpRequest, parseFlags, UsageError } from "../lib/flags.ts";
import { commit, version } from "../lib/version.ts";
import { Cli } from "./cli.ts";
import { type Command, ExitError } from "./command.ts";
import { globalFlags } from "./globals.ts";
import { WriteError } from "./output.ts";
import { type Entry, findEntry, groupOf } from "./tree.ts";

/** Runs one command line and ends the process with its exit code. */
export async function cliMain(argv: string[]): Promise<void> {
  const called = (process.env.DHOW_CALLED_AS ?? process.argv0).replace(/^.*\//, "");
  const name = called === "docker" ? "docker" : "dhow";
  const code = await runCommandLine(name, called, argv);
  process.exit(code);
}

async function runCommandLine(name: string, called: string, argv: string[]): Promise<number> {
  let globals: ReturnType<typeof parseFlags<typeof globalFlags>>;
  try {
    globals = parseFlags(globalFlags, argv, false);
  } catch (error) {
    const cli = new Cli(name, parseFlags(globalFlags, []).flags);
    const { showRootHelp, tellOldSpelling } = await import("./help.ts");
    if (error instanceof HelpRequest) {
      tellOldSpelling(cli.stderr, error);
      await showRootHelp(cli);
    } else if (error instanceof UsageError) {
      cli.err(
        `${error.message}\n\nUsage:  ${name} [OPTIONS] COMMAND [ARG...]\n\nRun '${name} --help' for more information\n`,
      );
    } else throw error;
    // Whoever does not wait for help has seen enough.
    await cli.flush().catch(() => undefined);
    return error instanceof HelpRequest ? 0 : 125;
  }
  // As Docker's: whoever speaks of verifying wants TLS, be it without.
  const tls = globals.flags.tls || globals.changed.has("tlsverify");
  const cli = new Cli(name, { ...globals.flags, tls });
  // Called as a CLI plugin, `docker-compose` or `docker-buildx` stands for its own word.
  const plugin = /^docker-(compose|buildx)$/.exec(called)?.[1];
  const words = plugin && globals.args[0] !== plugin ? [plugin, ...globals.args] : globals.args;
  let code: number;
  try {
    code = globals.flags.version ? printVersion(cli) : await dispatch(cli, words, argv);
  } catch (error) {
    code = report(cli, error, words);
  }
  try {
    await cli.stdout.flush();
  } catch (error) {
    if (code === 0) code = report(cli, error, words);
  }
  await cli.stderr.flush().catch(() => undefined);
  return code;
}

function printVersion(cli: Cli): number {
  cli.out(`${cli.name === "docker" ? "Docker" : "dhow"} version ${version}, build ${commit}\n`);
  return 0;
}

async function dispatch(cli: Cli, words: readonly string[], argv: readonly string[]): Promise<number> {
  const [first = ""] = words;
  if (first === "") {
    const { showRootHelp } = await import("./help.ts");
    await showRootHelp(cli);
    return 0;
  }
  if (first === "compose") {
    const { composeWords } = await import("./compose/dispatch.ts");
    const rest = composeWords(cli, words);
    if (typeof rest === "number") return rest;
    return dispatchFound(cli, rest, argv);
  }
  if (first === "help") {
    const { showHelpTopic } = await import("./help.ts");
    return showHelpTopic(cli, words.slice(1));
  }
  return dispatchFound(cli, words, argv);
}

async function dispatchFound(cli: Cli, words: readonly string[], argv: readonly string[]): Promise<number> {
  const [first = ""] = words;
  const found = findEntry(words);
  if (found) return runEntry(cli, found.entry, found.path, words.slice(found.length));
  const group = groupOf(first);
  if (group) return runGroup(cli, first, words.slice(1));
  const { expandAlias, runPlugin } = await import("./plugins.ts");
  const expanded = await expandAlias(cli, words);
  if (expanded) return dispatch(cli, expanded, argv);
  const status = await runPlugin(cli, words, argv);
  if (status !== null) return status;
  const { unbuiltCommand } = await import("./unbuilt.ts");
  const unbuilt = unbuiltCommand(words);
  if (unbuilt) return tellUnbuilt(cli, unbuilt);
  cli.err(`${cli.name}: unknown command: ${cli.name} ${first}\n\nRun '${cli.name} --help' for more information\n`);
  return 1;
}

function tellUnbuilt(cli: Cli, command: string): number {
  cli.err(`${cli.name}: ${cli.name} ${command} is not supported yet\n`);
  return 1;
}

async function runGroup(cli: Cli, group: string, rest: readonly string[]): Promise<number> {
  const [word = ""] = rest;
  const { showGroupHelp, tellOldSpelling } = await import("./help.ts");
  if (word === "-h") tellOldSpelling(cli.stdout, new HelpRequest("h"));
  if (word === "" || word === "--help" || word === "-h" || word === "help") {
    // A group alone is a question only half asked: its help goes where complaints go.
    await showGroupHelp(cli, group, word === "" ? cli.stderr : cli.stdout);
    return 0;
  }
  const { unbuiltCommand } = await import("./unbuilt.ts");
  const unbuilt = unbuiltCommand([group, word]);
  if (unbuilt) return tellUnbuilt(cli, unbuilt);
  const full = `${cli.name} ${group}`;
  if (word.startsWith("-")) {
    const what = word.startsWith("--") ? `unknown flag: ${word}` : `unknown shorthand flag: '${word[1]}' in ${word}`;
    cli.err(`${what}\n\nUsage:  ${full}\n\nRun '${full} --help' for more information\n`);
    return 125;
  }
  cli.err(
    `${cli.name}: unknown command: ${full} ${word}\n\nUsage:  ${full}\n\nRun '${full} --help' for more information\n`,
  );
  return 1;
}

async function runEntry(cli: Cli, entry: Entry, path: string, argv: readonly string[]): Promise<number> {
  const { command } = await entry.load();
  const full = `${cli.name} ${path}`;
  if (command.raw) return (await command.run(cli, { flags: {}, changed: new Set(), args: argv })) ?? 0;
  let parsed: ReturnType<typeof parseFlags>;
  try {
    parsed = parseFlags(command.flags, argv, command.interspersed ?? true);
  } catch (error) {
    if (error instanceof HelpRequest) {
      const { showCommandHelp, tellOldSpelling } = await import("./help.ts");
      tellOldSpelling(cli.stdout, error);
      showCommandHelp(cli, entry, path, command);
      return 0;
    }
    if (!(error instanceof UsageError)) throw error;
    cli.err(`${error.message}\n\n${usageLine(full, command)}\n\nRun '${full} --help' for more information\n`);
    return path.startsWith("compose ") ? 1 : 125;
  }
  checkHost(cli);
  const complaint = countComplaint(command, parsed.args.length);
  if (complaint) {
    const look = complaint.startsWith("requires at least") && !complaint.includes("at most") ? "See" : "Run";
    cli.err(
      `${cli.name}: '${full}' ${complaint}\n\n${usageLine(full, command)}\n\n${look} '${full} --help' for more information\n`,
    );
    return 1;
  }
  return (await command.run(cli, parsed)) ?? 0;
}

/** Refuses flags that name more than one daemon. */
function checkHost({ globals: { host, context } }: Cli): void {
  if (host.length > 0 && context !== "") {
    throw new ExitError(1, "conflicting options: cannot specify both --host and --context");
  }
}

/** `Usage:  docker ps [OPTIONS]`; a second form, which has a line of its own, has the command's short name. */
export function usageLine(full: string, command: Command): string {
  const options = Object.keys(command.flags).length > 0 ? " [OPTIONS]" : "";
  const [usage = "", ...others] = command.usage.split("\n");
  const short = full.replace(/^(\S+) .* (\S+)$/, "$1 $2");
  const forms = [`Usage:  ${full}${options}${usage ? ` ${usage}` : ""}`];
  for (const other of others) forms.push(`\t${short}${options} ${other}`);
  return forms.join("\n");
}

function countComplaint({ args: { min, max } }: Command, count: number): string | null {
  if (count >= min && (max === undefined || count <= max)) return null;
  const plural = (n: number): string => `${n} argument${n === 1 ? "" : "s"}`;
  if (max === 0) return "accepts no arguments";
  if (max === undefined) return `requires at least ${plural(min)}`;
  if (min === max) return `requires ${plural(min)}`;
  if (min === 0) return `requires at most ${plural(max)}`;
  return `requires at least ${min} and at most ${plural(max)}`;
}

/** What a shell shows for a program that SIGPIPE has ended. */
const brokenPipeCode = 128 + 13;

/** Prints what a command threw; answers the exit code. */
function report(cli: Cli, error: unknown, words: readonly string[]): number {
  if (error instanceof WriteError && error.brokenPipe) return brokenPipeCode;
  const asJson = cli.compose !== null && (cli.compose.progress === "json" || process.env.COMPOSE_PROGRESS === "json");
  const tell = (message: string): void => cli.err(`${asJson ? JSON.stringify({ error: true, message }) : message}\n`);
  if (error instanceof ExitError) {
    if (error.message) tell(error.message);
    return error.code;
  }
  if (error instanceof ApiError) {
    tell(`Error response from daemon: ${error.message}`);
    return 1;
  }
  if (cli.globals.debug && error instanceof Error && error.stack) cli.err(`${error.stack}\n`);
  tell(error instanceof Error ? error.message : `${words[0]}: ${error}`);
  return 1;
}
