import { expect, test } from "bun:test";
import { referencePages } from "../scripts/docs.ts";
import { dockerCommands } from "../scripts/surface/commands.ts";
import { dockerEndpoints } from "../scripts/surface/endpoints.ts";
import {
  commandRows,
  endpointRows,
  entryOf,
  flagsOf,
  ownCommands,
  ownRoutes,
  refusedEndpoints,
  routeKey,
} from "../scripts/surface/surface.ts";
import { routes } from "../src/api/routes.ts";
import { unbuiltRoutes } from "../src/api/unbuilt.ts";
import { entries } from "../src/cli/tree.ts";

test("docs/reference says what the tables say; `npm run docs` writes it anew", async () => {
  for (const [name, text] of await referencePages()) {
    const committed = await Bun.file(new URL(`../docs/reference/${name}`, import.meta.url)).text();
    expect(committed === text ? "current" : `docs/reference/${name} is out of date`).toBe("current");
  }
});

test("every route of ours is Docker's or named as our own, and every endpoint of Docker's is answered or refused", () => {
  const docker = new Set(dockerEndpoints.map((name) => routeKey(...(name.split(" ") as [string, string]))));
  const own = new Set(ownRoutes.map((name) => routeKey(...(name.split(" ") as [string, string]))));
  const ours = Object.values(routes).map(({ method, path }) => routeKey(method, path));
  expect(ours.filter((key) => !docker.has(key) && !own.has(key))).toEqual([]);
  expect([...own].filter((key) => !ours.includes(key))).toEqual([]);
  expect(unbuiltRoutes.map(({ method, path }) => routeKey(method, path)).filter((key) => !docker.has(key))).toEqual([]);
  expect(Object.keys(refusedEndpoints).filter((name) => !dockerEndpoints.includes(name))).toEqual([]);
  expect(endpointRows()).toHaveLength(dockerEndpoints.length);
});

test("every command of ours is Docker's or named as our own, and has Docker's flags by their short names", async () => {
  const docker = new Set(dockerCommands.flatMap(({ names }) => names));
  const unknown = entries.filter(({ paths }) => !paths.some((path) => docker.has(path)));
  expect(unknown.map(({ paths }) => paths[0] ?? "").sort()).toEqual([...ownCommands].sort());
  for (const { names, flags } of dockerCommands) {
    const [name = ""] = names;
    const table = await flagsOf(name);
    if (table === null) continue;
    const entry = entryOf(name);
    // Whatever Docker calls it, so may our user.
    if (entry)
      expect({ name, lacks: names.filter((each) => !entry.paths.includes(each)) }).toEqual({ name, lacks: [] });
    for (const flag of flags) {
      // dockerd's -b is refused by its long name only.
      if (name === "dockerd" && flag.name === "bridge") continue;
      expect({ name, flag: flag.name, short: table[flag.name]?.short || undefined }).toEqual({
        name,
        flag: flag.name,
        short: flag.short,
      });
    }
  }
  expect(await commandRows()).toHaveLength(dockerCommands.length);
});
