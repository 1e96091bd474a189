/**
 * npm run docs: writes docs/reference from the tables that the programs themselves run on: commands and flags, the daemon's
 * flags, and the routes of the API. Nobody edits those pages; test/docs.test.ts holds them to the tables.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as containers from "../src/api/containers.ts";
import * as exec from "../src/api/exec.ts";
import * as hostConfig from "../src/api/host-config.ts";
import * as networks from "../src/api/networks.ts";
import { maxApiVersion, minApiVersion } from "../src/api/paths.ts";
import type { BodySpec, ReplyKind, RouteSpec } from "../src/api/route.ts";
import type { QueryKind } from "../src/api/route-spec.ts";
import { routes } from "../src/api/routes.ts";
import * as system from "../src/api/system.ts";
import { unbuiltRoutes } from "../src/api/unbuilt.ts";
import * as volumes from "../src/api/volumes.ts";
import { type RuleName, rules } from "../src/builder/dockerfile/lint/rules.ts";
import type { Command } from "../src/cli/command.ts";
import { globalFlags } from "../src/cli/globals.ts";
import { usageLine } from "../src/cli/main.ts";
import { type Entry, entries, groups } from "../src/cli/tree.ts";
import { daemonFlags } from "../src/daemon/config-flags.ts";
import { statusOf } from "../src/daemon/status.ts";
import { DhowError } from "../src/lib/errors.ts";
import type { Flags } from "../src/lib/flags.ts";
import { registryFlags } from "../src/registry-server/flags.ts";
import { commandRows, endpointRows, type Row, type Status } from "./surface/surface.ts";

const folder = fileURLToPath(new URL("../docs/reference/", import.meta.url));
const notice = "<!-- Made by `npm run docs` from the tables in src/. Edit those. -->";

/** Every page by its path in docs/reference. */
export async function referencePages(): Promise<Map<string, string>> {
  return new Map([
    ["cli.md", await cliPage()],
    ["daemon.md", daemonPage()],
    ["registry.md", registryPage()],
    ["dockerfile-rules.md", dockerfileRulesPage()],
    ["api.md", apiPage()],
    ["compatibility.md", await compatibilityPage()],
  ]);
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(header), `|${header.map(() => " --- |").join("")}`, ...rows.map(line)].join("\n");
}

function flagTable(flags: Flags): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const spelled = `${flag.short ? `\`-${flag.short}\`, ` : ""}\`--${name}\``;
      return [
        spelled,
        flag.kind ? `\`${flag.kind}\`` : "",
        flag.shownDefault ? `\`${flag.shownDefault}\`` : "",
        flag.help,
      ];
    });
  return rows.length === 0 ? "" : `${table(["Flag", "Value", "Default", "What it does"], rows)}\n`;
}

const anchor = (name: string): string => name.replaceAll(" ", "-");

async function cliPage(): Promise<string> {
  const commands: { entry: Entry; name: string; command: Command }[] = [];
  for (const entry of entries) {
    const { command } = await entry.load();
    if (!command.hidden) commands.push({ entry, name: entry.paths[0]!, command });
  }
  commands.sort((a, b) => (a.name < b.name ? -1 : 1));
  const sections = commands.map(({ entry, name, command }) => {
    const others = entry.paths.slice(1).map((path) => `\`dhow ${path}\``);
    return [
      `## ${name}`,
      `${command.summary}.`,
      `\`\`\`text\n${usageLine(`dhow ${name}`, command).replace("Usage:  ", "")}\n\`\`\``,
      ...(others.length > 0 ? [`Also: ${others.join(", ")}.`] : []),
      ...(command.details ? [command.details] : []),
      ...(flagTable(command.flags) ? [flagTable(command.flags).trimEnd()] : []),
    ].join("\n\n");
  });
  const list = (wanted: (name: string) => boolean): string =>
    table(
      ["Command", "What it does"],
      commands
        .filter(({ name }) => wanted(name))
        .map(({ name, command }) => [`[${name}](#${anchor(name)})`, command.summary]),
    );
  const nouns = Object.entries(groups).map(
    ([group, summary]) => `### ${group}: ${summary}\n\n${list((name) => name.startsWith(`${group} `))}`,
  );
  return `${[
    "# Commands",
    notice,
    "Called through a link named `docker`, the same binary answers to that name and uses Docker's socket. `dhow daemon` has [its own page](daemon.md).",
    "## Global flags",
    flagTable(globalFlags).trimEnd(),
    "## All commands",
    ...nouns,
    `### The rest\n\n${list((name) => !name.includes(" "))}`,
    ...sections,
  ].join("\n\n")}\n`;
}

function registryPage(): string {
  const grants = [
    "# USER  PATTERN     ACTIONS",
    "ada     team/**     pull,push,delete",
    "bob     team/*      pull,create        # create: a push that moves no tag",
    "*       public/*    pull               # every user",
    "-       public/*    pull               # everybody, also without a name (docker: with --tokens)",
  ];
  return `${[
    "# The registry",
    notice,
    "`dhow registry serve --root DIR [OPTIONS]` is a private registry: the OCI distribution API on a directory in the layout of Docker's `registry:2`. It needs no daemon. `SIGTERM` ends it once what is under way has ended.",
    flagTable(registryFlags).trimEnd(),
    "The file of `--rights` grants one thing a line, and counts anew as soon as it is changed:",
    ["```", ...grants, "```"].join("\n"),
  ].join("\n\n")}\n`;
}

function daemonPage(): string {
  return `${[
    "# The daemon",
    notice,
    "`dhow daemon [OPTIONS]` runs the engine; `dhow daemon stop [--all]` ends it, with `--all` its containers too. Flags have dockerd's names; most can stand in `daemon.json` under dockerd's keys (`/etc/dhow/daemon.json`, `--config-file`, or the file that `DHOW_CONFIG_FILE` names). `DHOW_SOCKET` moves the default socket, for the CLI as well.",
    flagTable(daemonFlags).trimEnd(),
  ].join("\n\n")}\n`;
}

function dockerfileRulesPage(): string {
  const named = Object.entries(rules) as [RuleName, (typeof rules)[RuleName]][];
  const sections = named.map(([name, { description, reason, bad, good, isExperimental }]) =>
    [
      `## ${name}`,
      `${description}.${isExperimental ? " Experimental: it speaks where it is asked for." : ""}`.replaceAll("..", "."),
      reason,
      `Not so:\n\n\`\`\`dockerfile\n${bad}\n\`\`\``,
      `But so:\n\n\`\`\`dockerfile\n${good}\n\`\`\``,
    ].join("\n\n"),
  );
  return `${[
    "# Rules for Dockerfiles",
    notice,
    "What a build warns of, and what `--check` looks at. Names and messages are BuildKit's. A first line `# check=skip=RuleA,RuleB` (or `all`) silences rules, `error=true` makes warnings fail the build, and `experimental=RuleC` (or `all`) turns experimental ones on; several are parted by `;`. The build argument `BUILDKIT_DOCKERFILE_CHECK` says the same for one build.",
    table(
      ["Rule", "What it asks for"],
      named.map(([name, { description }]) => [`[${name}](#${name.toLowerCase()})`, description]),
    ),
    ...sections,
  ].join("\n\n")}\n`;
}

/** Names of the schemas, which are Docker's definition names. */
const definitions = new Map<unknown, string>(
  [containers, exec, hostConfig, networks, system, volumes].flatMap((module) =>
    Object.entries(module)
      .filter(([name]) => /^[A-Z]/.test(name))
      .map(([name, schema]) => [schema, name] as const),
  ),
);

const queryWords: Record<QueryKind, string> = {
  text: "text",
  flag: "yes or no",
  flagOn: "yes or no (yes)",
  number: "number",
  words: "text, repeatable",
  filters: "filters",
};

const replyWords: Record<ReplyKind, string> = {
  json: "JSON",
  empty: "nothing",
  text: "text",
  later: "JSON, when it happens (the headers at once)",
  lines: "JSON values as they come",
  progress: "JSON progress messages as they come",
  stream: "bytes as they come",
  upgrade: "the connection goes on as HTTP/2 in the clear (101 after `Upgrade: h2c`)",
  hijack: "the connection becomes the process's streams (101 after `Upgrade: tcp`, else 200)",
};

function bodyWords(body: BodySpec): string {
  if (body.kind === "none") return "";
  if (body.kind === "stream") return "Body: bytes.";
  return `Body: JSON \`${definitions.get(body.schema) ?? "object"}\`${body.required ? ", required" : ""}.`;
}

function apiPage(): string {
  const sections = Object.entries<RouteSpec>(routes)
    .sort(([, a], [, b]) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.method < b.method ? -1 : 1))
    .map(([name, route]) => {
      const query = Object.entries(route.query ?? {}).map(([key, kind]) => [
        `\`${key}\``,
        kind === "filters"
          ? `filters: ${(route.filters ?? []).map((each) => `\`${each}\``).join(", ")}`
          : queryWords[kind],
      ]);
      const fails = route.fails.map((kind) => `${statusOf(new DhowError(kind, ""))} (${kind})`);
      return [
        `## ${route.method} ${route.path.replaceAll(":*}", "}")}`,
        `\`${name}\`. Answers ${route.reply.status}: ${replyWords[route.reply.kind]}.${fails.length > 0 ? ` Fails with ${fails.join(", ")}.` : ""}`,
        ...(bodyWords(route.body) ? [bodyWords(route.body)] : []),
        ...(query.length > 0 ? [table(["Query", "Kind"], query)] : []),
      ].join("\n\n");
    });
  const unbuilt = unbuiltRoutes.map(({ method, path, kind }) => [`\`${method} ${path.replaceAll(":*}", "}")}\``, kind]);
  return `${[
    "# Engine API",
    notice,
    `Docker's Engine API, versions ${minApiVersion} to ${maxApiVersion}: every path may begin with a version (\`/v${maxApiVersion}\`), and without one it means ${maxApiVersion}. Any route may answer 400 to bad input and 500 to a fault; a failure is \`{"message": "..."}\`. A request with the header \`Dhow-Timings: 1\` gets the steps of its work as \`Server-Timing\`, where the reply is not a stream.`,
    ...sections,
    "## Not there yet",
    "These answer by name instead of `page not found`.",
    table(["Route", "Answer"], unbuilt),
  ].join("\n\n")}\n`;
}

const statusWords: Record<Status, string> = { works: "works", refused: "refused by name", later: "later" };

async function compatibilityPage(): Promise<string> {
  const [endpoints, commands] = [endpointRows(), await commandRows()];
  const count = (rows: readonly Row[], status: Status): number => rows.filter((row) => row.status === status).length;
  const counted = (rows: readonly Row[]): string =>
    `Of ${rows.length}: ${count(rows, "works")} work, ${count(rows, "later")} come later, ${count(rows, "refused")} are refused.`;
  return `${[
    "# Docker's endpoints and commands, one by one",
    notice,
    "What works, differs and why stands in [COMPATIBILITY.md](../COMPATIBILITY.md). *Later* is refused by name today, and comes with the part that the note names. *Refused by name* is an answer that says so, never silence.",
    "## Endpoints of the Engine API 1.51",
    counted(endpoints),
    table(
      ["Endpoint", "Status", "Note"],
      endpoints.map(({ name, status, note }) => [`\`${name}\``, statusWords[status], note]),
    ),
    "## Commands of docker 28.5, buildx 0.29 and compose 2.40, and dockerd's",
    `${counted(commands)} A flag works unless something else stands behind it; why dockerd's are refused stands on [the daemon's page](daemon.md). Flags of dhow's own are on [the commands' page](cli.md).`,
    table(
      ["Command", "Status", "Note", "Flags"],
      commands.map(({ name, status, note, flags }) => [`\`${name}\``, statusWords[status], note, flags]),
    ),
  ].join("\n\n")}\n`;
}

if (import.meta.main) {
  for (const [name, text] of await referencePages()) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote docs/reference/${name}`);
  }
}
