/** Answers to `__complete`, from the tables of commands and flags, and the names that the daemon knows. */

import type { ContainerSummary } from "../api/containers.ts";
import type { ImageSummary } from "../api/images.ts";
import type { Network } from "../api/networks.ts";
import { paths } from "../api/paths.ts";
import type { VolumeListResponse } from "../api/volumes.ts";
import { to } from "../client/route-call.ts";
import type { Completion, Flags } from "../lib/flags.ts";
import type { Cli } from "./cli.ts";
import type { Command } from "./command.ts";
import { composeWords } from "./compose/dispatch.ts";
import { globalFlags } from "./globals.ts";
import { entries, findEntry, groupFlags, groupOf, groups } from "./tree.ts";

/** What could stand in the place of the last of `words`. */
export async function complete(cli: Cli, words: readonly string[]): Promise<string[]> {
  const last = words.at(-1) ?? "";
  const { before, value } = skipGlobals(words.slice(0, -1));
  const group = groupFlags[before[0] ?? ""];
  if (group && !value) {
    // The flags of the group come before its command.
    const table = await group();
    const inside = scan(table, before.slice(1), false);
    if (inside.value) return starting(await names(cli, inside.value.complete), last);
    if (before[0] === "compose") composeWords(cli, before);
    if (inside.args.length === 0 && last.startsWith("-")) return starting(await flagWords(cli, table, last), last);
    return starting(await candidates(cli, [before[0] ?? "", ...inside.args], last), last);
  }
  const offers = value ? await names(cli, value.complete) : await candidates(cli, before, last);
  return starting(offers, last);
}

const starting = (offers: readonly string[], last: string): string[] =>
  [...new Set(offers)].filter((each) => each.startsWith(last)).sort();

/** Words taken apart as the parser takes them. */
interface Scanned {
  readonly args: readonly string[];
  /** The flag whose value comes next. */
  readonly value: Flags[string] | undefined;
  /** True after `--`: no flag is one any more. */
  readonly ended: boolean;
}

function scan(table: Flags, words: readonly string[], interspersed: boolean): Scanned {
  const args: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") return { args: [...args, ...words.slice(at + 1)], value: undefined, ended: true };
    if (word.length > 1 && word.startsWith("-")) {
      const value = awaitedBy(table, word);
      if (value && at + 1 === words.length) return { args, value, ended: false };
      if (value) at++;
    } else if (interspersed) args.push(word);
    else return { args: words.slice(at), value: undefined, ended: true };
  }
  return { args, value: undefined, ended: false };
}

/** The flag of a word that leaves its value to the next one. */
function awaitedBy(table: Flags, word: string): Flags[string] | undefined {
  if (word.startsWith("--")) {
    const name = word.slice(2);
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    return spec?.bare === undefined ? spec : undefined;
  }
  for (const [at, letter] of [...word.slice(1)].entries()) {
    const spec = Object.values(table).find(({ short }) => short === letter);
    if (spec && spec.bare === undefined) return at === word.length - 2 ? spec : undefined;
  }
  return undefined;
}

/** The command's words, or the global flag whose value is wanted. */
function skipGlobals(words: readonly string[]): { before: readonly string[]; value: Flags[string] | undefined } {
  const { args, value } = scan(globalFlags, words, false);
  return { before: args, value };
}

const flagNames = (table: Flags): string[] => [
  ...Object.entries(table).flatMap(([name, { hidden }]) => (hidden ? [] : [`--${name}`])),
  "--help",
];

async function candidates(cli: Cli, before: readonly string[], last: string): Promise<string[]> {
  const [first = ""] = before;
  if (first === "") {
    if (last.startsWith("-")) return flagNames(globalFlags);
    const plain = entries.flatMap(({ paths }) => paths.filter((path) => !path.includes(" ") && !path.startsWith("__")));
    return [...plain, ...Object.keys(groups), "help"];
  }
  const found = findEntry(before);
  if (!found) {
    if (!groupOf(first) || before.length > 1) return [];
    return entries.flatMap(({ paths }) =>
      paths.filter((path) => path.startsWith(`${first} `)).map((path) => path.slice(first.length + 1)),
    );
  }
  const { command } = await found.entry.load();
  if (command.raw) return [];
  const { args, value, ended } = scan(command.flags, before.slice(found.length), command.interspersed !== false);
  if (value) return names(cli, value.complete);
  if (last.startsWith("-") && !ended) return flagWords(cli, command.flags, last);
  // What stands there is not offered again: names of a `rm` are different ones.
  return (await names(cli, placeOf(command, args.length))).filter((name) => !args.includes(name));
}

/** Names of flags, or after `--flag=` its values. */
async function flagWords(cli: Cli, table: Flags, last: string): Promise<string[]> {
  const name = /^--([^=]+)=/.exec(last)?.[1];
  if (name === undefined) return flagNames(table);
  const spec = Object.hasOwn(table, name) ? table[name] : undefined;
  return (await names(cli, spec?.complete)).map((value) => `--${name}=${value}`);
}

/** What the argument at a place is; undefined where the command takes none, or one that belongs to a program in a container. */
function placeOf({ complete, args, interspersed = true }: Command, place: number): Completion | undefined {
  if (args.max !== undefined && place >= args.max) return undefined;
  if (typeof complete === "object" && "byPlace" in complete) return complete.byPlace[place] ?? undefined;
  return interspersed || place === 0 ? complete : undefined;
}

async function names(cli: Cli, what: Completion | undefined): Promise<string[]> {
  if (what === undefined || what === "files") return [];
  if (typeof what !== "string") return [...what];
  if (what === "contexts") {
    const { listContexts } = await import("./context-store.ts");
    return ["default", ...(await listContexts(cli.configDir)).contexts.map(({ Name }) => Name)];
  }
  if (what === "services") {
    const { serviceNames } = await import("./compose/service-names.ts");
    return serviceNames(cli);
  }
  const client = await cli.client();
  switch (what) {
    case "containers":
    case "running":
    case "copyPaths": {
      const rows = await client.json<ContainerSummary[]>(to(paths.containerList, {}, { all: what !== "running" }));
      const found = rows
        .flatMap(({ Names }) => Names.map((name) => name.slice(1)))
        .filter((name) => !name.includes("/"));
      return what === "copyPaths" ? found.map((name) => `${name}:`) : found;
    }
    case "images":
      return (await client.json<ImageSummary[]>(to(paths.imageList))).flatMap(({ RepoTags }) => RepoTags ?? []);
    case "networks":
      return (await client.json<Network[]>(to(paths.networkList))).map(({ Name }) => Name);
    case "volumes":
      return ((await client.json<VolumeListResponse>(to(paths.volumeList))).Volumes ?? []).map(({ Name }) => Name);
  }
}
