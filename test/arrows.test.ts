/**
 * The folder tree is the architecture (docs/ARCHITECTURE.md): an import may point to a lower floor or stay inside its
 * own folder, never up and never sideways. Import lines are read from the source, type-only ones included.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** Folder (or file at the top) -> what it may import besides itself. */
const engineFloors: string[][] = [
  ["lib", "linux", "api"],
  ["state", "helper"],
  ["events", "content", "snapshots", "registry", "runtime", "logs", "plugins"],
  ["images", "networks", "volumes", "trust"],
  ["containers", "builder", "scan"],
  ["registry-server", "swarm"],
  ["engine"],
  ["daemon"],
];

const clientAllowed: Record<string, string[]> = {
  client: ["api", "lib"],
  compose: ["client", "api", "lib"],
  cli: ["compose", "client", "registry", "api", "lib"],
  dashboard: ["client", "api", "lib"],
};

/** Rooms with rules of their own, longest prefix first. */
const apart: Record<string, string[]> = {
  supervisor: ["linux", "lib"],
  "networks/netd": ["linux", "lib"],
  // Follows a file by inotify; everything else in lib/ is pure.
  "lib/log-file": ["linux", "lib"],
  // Speaks to registries for the engine and for the client alike.
  registry: ["api", "lib"],
  linux: ["lib"],
  api: ["lib"],
  lib: [],
};

/**
 * Single files that upper rooms may import from a room that is otherwise closed to them: the supervisor's words, the lock
 * under which the CLI starts a daemon, what failed system calls are called, and the attributes of files that a build sends.
 */
const openFiles = new Set([
  "supervisor/protocol.ts",
  "linux/flock.ts",
  "linux/syscall-error.ts",
  "linux/path-xattr.ts",
]);

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
  lazy: boolean;
}

function sourceFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return entry.name === "fixtures" ? [] : sourceFiles(path);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const found: Import[] = [];
  const statics = /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?["'](\.[^"']+)["']/gm;
  const lazies = /\b(?:import\(|new URL\()\s*["'](\.[^"']+\.ts)["']/g;
  for (const match of text.matchAll(statics)) {
    found.push({
      from: file,
      to: resolve(dirname(file), match[2] ?? ""),
      typeOnly: match[1] !== undefined,
      lazy: false,
    });
  }
  for (const match of text.matchAll(lazies)) {
    if (match[1] === "../main.ts") continue; // lib/self.ts names the program itself, it does not import it
    found.push({ from: file, to: resolve(dirname(file), match[1] ?? ""), typeOnly: false, lazy: true });
  }
  return found;
}

const room = (path: string): string => {
  const name = relative(src, path);
  for (const prefix of Object.keys(apart)) if (name.startsWith(`${prefix}/`)) return prefix;
  return name.includes("/") ? name.slice(0, name.indexOf("/")) : "";
};

function allowed(from: string, to: string): boolean {
  if (from === to || from === "") return true;
  const special = apart[from] ?? clientAllowed[from];
  if (special) return special.includes(to) || (special.includes("lib") && to.startsWith("lib/"));
  const floorOf = (name: string): number => engineFloors.findIndex((floor) => floor.includes(name));
  const parent = to.includes("/") ? to.slice(0, to.indexOf("/")) : to;
  if (parent === from) return true;
  return floorOf(from) > floorOf(parent) && floorOf(parent) !== -1;
}

const files = sourceFiles(src);
const imports = files.flatMap(importsOf);

test("every folder under src/ has its place on a floor", () => {
  const known = new Set([...engineFloors.flat(), ...Object.keys(clientAllowed), ...Object.keys(apart), ""]);
  expect([...new Set(files.map(room))].filter((name) => !known.has(name))).toEqual([]);
});

test("imports point down, never up or sideways", () => {
  const wrong = imports
    .filter(({ from, to }) => !allowed(room(from), room(to)) && !openFiles.has(relative(src, to)))
    .map(({ from, to }) => `${relative(src, from)} -> ${relative(src, to)}`);
  expect(wrong).toEqual([]);
});

/** All files that a role loads when it starts: its static, non-type imports, transitively. */
function closure(entry: string): Set<string> {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const one of imports) if (one.from === file && !one.typeOnly && !one.lazy) visit(one.to);
  };
  visit(join(src, entry));
  return seen;
}

const packagesOf = (closed: Set<string>): string[] =>
  [...closed].flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^\s*import\s+(?!type)(?:[^"';]*?\sfrom\s+)?["']([^."'][^"']*)["']/gm)]
      .map((match) => match[1] ?? "")
      .filter((name) => !name.startsWith("node:") && !name.startsWith("bun")),
  );

test.each([
  ["supervisor/main.ts", ["supervisor", "linux", "lib"], []],
  ["networks/netd/main.ts", ["networks/netd", "linux", "lib"], ["dns-packet"]],
  ["cli/main.ts", ["cli", "client", "compose", "api", "lib"], []],
  ["cli/manifest/registry.ts", ["cli", "client", "registry", "api", "lib"], []],
])("the closure of %s stays inside its rooms and loads no schema library", (entry, rooms, packages) => {
  const closed = closure(entry);
  const files = [...closed].filter((file) => !openFiles.has(relative(src, file)));
  expect(files.map(room).filter((name) => !rooms.includes(name) && !rooms.includes(name.split("/")[0] ?? ""))).toEqual(
    [],
  );
  expect(packagesOf(closed)).toEqual(packages);
});

/** Folders inside of one room, each of which may import those before it. */
const builderFolders = ["text", "expansion", "syntax", "lint", "instructions", "plan"];

test("the folders of builder/dockerfile know those before them only", () => {
  const folderOf = (path: string): number =>
    builderFolders.indexOf(/^builder\/dockerfile\/(\w+)\//.exec(relative(src, path))?.[1] ?? "");
  const own = imports.filter(({ from, to }) => folderOf(from) >= 0 && folderOf(to) >= 0);
  const wrong = own.filter(({ from, to }) => folderOf(to) > folderOf(from));
  expect(wrong.map(({ from, to }) => `${relative(src, from)} -> ${relative(src, to)}`)).toEqual([]);
  expect(own.length).toBeGreaterThan(100);
});

test("main.ts loads no role before it has picked one", () => {
  expect([...closure("main.ts")].map((file) => relative(src, file))).toEqual(["main.ts"]);
});
