/** Shell completion: scripts that ask `__complete`, and its answers, from the tables of commands and flags. */

import type { ContainerSummary } from "../api/containers.ts";
import type { ImageSummary } from "../api/images.ts";
import type { Network } from "../api/networks.ts";
import { paths } from "../api/paths.ts";
import type { VolumeListResponse } from "../api/volumes.ts";
import { to } from "../client/route-call.ts";
import type { Completion, Flags } from "../lib/flags.ts";
import type { Cli } from "./cli.ts";
import { globalFlags } from "./globals.ts";
import { entries, findEntry, groupOf, groups } from "./tree.ts";

export const shells = ["bash", "zsh", "fish"] as const;

/** The script for a shell; null for one we do not know. Where we offer nothing, files are offered. */
export function completionScript(name: string, shell: string): string | null {
  if (shell === "bash") {
    return `_${name}_complete() {
  local IFS=$'\\n'
  COMPREPLY=($(${name} __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _${name}_complete ${name}
`;
  }
  if (shell === "zsh") {
    return `#compdef ${name}
_${name}() {
  local -a found
  found=("\${(@f)$(${name} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- "\${found[@]}"; else _files; fi
}
compdef _${name} ${name}
`;
  }
  if (shell === "fish") {
    return `function __${name}_complete
  set -l words (commandline -opc) (commandline -ct)
  ${name} __complete $words[2..-1] 2>/dev/null
end
complete -c ${name} -a '(__${name}_complete)'
`;
  }
  return null;
}

/** What could stand in the place of the last of `words`. */
export async function complete(cli: Cli, words: readonly string[]): Promise<string[]> {
  const last = words.at(-1) ?? "";
  const before = skipGlobals(words.slice(0, -1));
  return (await candidates(cli, before, last)).filter((each) => each.startsWith(last)).sort();
}

function skipGlobals(words: readonly string[]): string[] {
  let at = 0;
  while (words[at]?.startsWith("-")) {
    const spec = flagOf(globalFlags, words[at]!);
    at += spec && spec.bare === undefined && !words[at]!.includes("=") ? 2 : 1;
  }
  return words.slice(at);
}

function flagOf(table: Flags, word: string): Flags[string] | undefined {
  const name = word.replace(/=.*$/, "");
  if (name.startsWith("--")) return Object.hasOwn(table, name.slice(2)) ? table[name.slice(2)] : undefined;
  return Object.values(table).find((spec) => spec.short !== undefined && spec.short === name.slice(-1));
}

const flagNames = (table: Flags): string[] =>
  Object.entries(table)
    .filter(([, spec]) => !spec.hidden)
    .map(([name]) => `--${name}`);

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
  const previous = before.length > found.length ? before.at(-1)! : "";
  const spec = previous.startsWith("-") ? flagOf(command.flags, previous) : undefined;
  if (spec && spec.bare === undefined) return names(cli, spec.complete);
  if (last.startsWith("-")) return flagNames(command.flags);
  return names(cli, command.complete);
}

async function names(cli: Cli, what: Completion | undefined): Promise<string[]> {
  if (what === undefined || what === "files") return [];
  if (typeof what !== "string") return [...what];
  if (what === "contexts") {
    const { listContexts } = await import("./context-store.ts");
    return ["default", ...(await listContexts(cli.configDir)).contexts.map(({ Name }) => Name)];
  }
  const client = await cli.client();
  switch (what) {
    case "containers":
    case "running": {
      const rows = await client.json<ContainerSummary[]>(to(paths.containerList, {}, { all: what === "containers" }));
      return rows.flatMap(({ Names }) => Names.map((name) => name.slice(1)));
    }
    case "images":
      return (await client.json<ImageSummary[]>(to(paths.imageList))).flatMap(({ RepoTags }) => RepoTags ?? []);
    case "networks":
      return (await client.json<Network[]>(to(paths.networkList))).map(({ Name }) => Name);
    case "volumes":
      return ((await client.json<VolumeListResponse>(to(paths.volumeList))).Volumes ?? []).map(({ Name }) => Name);
  }
}
