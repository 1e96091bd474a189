/** Help texts, all derived from the tables: root, groups, commands. */
import type { HelpRequest } from "../lib/flags.ts";
import { describeFlags } from "../lib/flags-help.ts";
import type { Cli } from "./cli.ts";
import type { Command } from "./command.ts";
import { globalFlags } from "./globals.ts";
import { usageLine } from "./main.ts";
import type { Output } from "./output.ts";
import { commonCommands, type Entry, entries, findEntry, groupFlags, groupOf, groups } from "./tree.ts";

/** Columns of help, as wide as the terminal but never wider than readable. */
function helpWidth(): number {
  const columns = Number(process.env.COLUMNS);
  return columns > 40 ? Math.min(columns, 120) : 80;
}

interface Line {
  name: string;
  summary: string;
}

async function summaries(pick: (entry: Entry) => string | undefined): Promise<Line[]> {
  const lines: Line[] = [];
  for (const entry of entries) {
    const name = pick(entry);
    if (name === undefined) continue;
    const { command } = await entry.load();
    if (!command.hidden) lines.push({ name, summary: command.summary });
  }
  return lines.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function listing(title: string, lines: Line[]): string {
  const width = Math.max(11, ...lines.map((line) => line.name.length));
  return `${title}:\n${lines.map((line) => `  ${line.name.padEnd(width)} ${line.summary}\n`).join("")}`;
}

/** `dhow --help`. */
export async function showRootHelp(cli: Cli): Promise<void> {
  const top = await summaries((entry) => entry.paths.find((path) => !path.includes(" ")));
  const common = commonCommands.flatMap((name) => top.find((line) => line.name === name) ?? []);
  const others = top.filter((line) => !commonCommands.includes(line.name));
  const management = Object.entries(groups).map(([name, summary]) => ({ name, summary }));
  const { listPlugins } = await import("./plugins.ts");
  for (const plugin of await listPlugins(cli)) management.push({ name: `${plugin.name}*`, summary: plugin.summary });
  management.sort((a, b) => (a.name < b.name ? -1 : 1));
  const sections = [
    `Usage:  ${cli.name} [OPTIONS] COMMAND\n\nContainers: build, run and look after them\n`,
    listing("Common Commands", common),
    listing("Management Commands", management),
    listing("Commands", others),
    `Global Options:\n${describeFlags(globalFlags, helpWidth())}\n`,
    `Run '${cli.name} COMMAND --help' for more information on a command.\n`,
  ];
  cli.out(sections.join("\n"));
}

/** Says that `-h` is an old spelling of `--help`. */
export function tellOldSpelling(output: Output, request: HelpRequest): void {
  if (request.spelling === "h") output.text("Flag shorthand -h has been deprecated, use --help\n");
}

/** `dhow container --help`. */
export async function showGroupHelp(cli: Cli, group: string, output: Output = cli.stdout): Promise<void> {
  const lines = await summaries((entry) =>
    entry.paths.find((path) => path.startsWith(`${group} `))?.slice(group.length + 1),
  );
  const full = `${cli.name} ${group}`;
  const flags = groupFlags[group] ? describeFlags(await groupFlags[group](), helpWidth()) : "";
  const options = flags ? `Options:\n${flags}\n\n` : "";
  output.text(
    `Usage:  ${full} ${options ? "[OPTIONS] " : ""}COMMAND\n\n${groups[group]}\n\n${options}${listing("Commands", lines)}\nRun '${full} COMMAND --help' for more information on a command.\n`,
  );
}

/** `dhow run --help`. */
export function showCommandHelp(cli: Cli, entry: Entry, path: string, command: Command): void {
  let text = `${usageLine(`${cli.name} ${path}`, command)}\n\n${command.summary}\n`;
  if (command.details) text += `\n${command.details}\n`;
  if (entry.paths.length > 1) text += `\nAliases:\n  ${entry.paths.map((each) => `${cli.name} ${each}`).join(", ")}\n`;
  const options = describeFlags(command.flags, helpWidth());
  if (options) text += `\nOptions:\n${options}\n`;
  cli.out(text);
}

/** `dhow help WORD...`; answers the exit code. */
export async function showHelpTopic(cli: Cli, words: readonly string[]): Promise<number> {
  const [first = ""] = words;
  const found = findEntry(words);
  if (first === "") await showRootHelp(cli);
  else if (found && found.length === words.length)
    showCommandHelp(cli, found.entry, found.path, (await found.entry.load()).command);
  else if (groupOf(first) && words.length === 1) await showGroupHelp(cli, first);
  else {
    const { runPlugin } = await import("./plugins.ts");
    const status = words.length === 1 ? await runPlugin(cli, [first, "--help"], [first, "--help"]) : null;
    if (status !== null) return status;
    cli.err(`unknown help topic: ${words.join(" ")}\n`);
    return 1;
  }
  return 0;
}
