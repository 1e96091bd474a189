/** Each case is a project and what `docker compose config` 2.40 prints of it (recorded by record.sh, at /project). */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConfigOptions, configQuery, configText, withoutLabelFiles } from "./config.ts";
import { serviceHash } from "./hash.ts";
import { loadProject } from "./load.ts";
import type { LoadOptions } from "./load-options.ts";
import type { Project } from "./model/project.ts";

const folder = fileURLToPath(new URL("./golden", import.meta.url));
const cases = readdirSync(folder, { withFileTypes: true })
  .filter((one) => one.isDirectory())
  .map((one) => one.name);

function read(...path: string[]): string {
  const file = join(folder, ...path);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** The flags and variables of a case, as the recording had them. */
function optionsOf(name: string): LoadOptions {
  const words = read(name, "args")
    .split(" ")
    .filter((word) => word !== "");
  const values = (flag: string): string[] => words.flatMap((word, i) => (word === flag ? [words[i + 1]!] : []));
  const env = Object.fromEntries(
    read(name, "env")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => [line.split("=", 1)[0]!, line.slice(line.indexOf("=") + 1)]),
  );
  return {
    cwd: join(folder, name),
    env,
    projectName: /^name:/m.test(read(name, "compose.yaml") + read(name, "three.yaml")) ? undefined : "project",
    files: values("-f"),
    profiles: values("--profile"),
    envFiles: values("--env-file"),
  } as LoadOptions;
}

/** As if the project had stood where it was recorded. */
function moved(text: string, name: string): string {
  return text.replaceAll(join(folder, name), "/project").replaceAll(process.env.HOME ?? "/root", "/home/user");
}

const modes: Readonly<Record<string, ConfigOptions>> = {
  yaml: { format: "yaml" },
  json: { format: "json" },
  "no-interpolate": { format: "yaml", interpolate: false },
  "no-normalize": { format: "yaml", normalize: false },
  "no-paths": { format: "yaml", resolvePaths: false },
  "no-env": { format: "yaml" },
};

const recorded = (name: string, mode: string): boolean => existsSync(join(folder, name, "expected", mode));

for (const name of cases) {
  test.each(Object.keys(modes).filter((mode) => recorded(name, mode)))(
    `${name}: configText() prints what docker compose config prints, mode %s`,
    async (mode) => {
      const text = await configText({ ...optionsOf(name), ...modes[mode] } as never);
      expect(moved(text, name)).toBe(read(name, "expected", mode));
    },
  );

  test.if(recorded(name, "hash"))(`${name}: serviceHash() is Docker's`, async () => {
    const project = withoutLabelFiles(await loadProject({ ...optionsOf(name), resolveEnvironment: false }));
    const there = JSON.parse(moved(JSON.stringify(project), name)) as Project;
    const lines = Object.keys(there.services)
      .sort()
      .map((one) => `${one} ${serviceHash(there.services[one]!)}\n`);
    expect(lines.join("")).toBe(read(name, "expected", "hash"));
  });

  const queries = [
    "services",
    "images",
    "volumes",
    "networks",
    "models",
    "profiles",
    "variables",
    "environment",
  ] as const;
  test.each(queries.filter((query) => recorded(name, query)))(
    `${name}: configQuery() answers %s as docker compose config does`,
    async (query) => {
      const lines = (text: string): string[] =>
        text
          .split("\n")
          .filter((line) => !/^(PATH|PWD|HOME|_|OLDPWD|SHLVL)=/.test(line))
          .map((line) => line.replace(/ +/g, " ").trim())
          .sort();
      expect(lines(moved(await configQuery(query, optionsOf(name)), name))).toEqual(
        lines(read(name, "expected", query)),
      );
    },
  );
}
