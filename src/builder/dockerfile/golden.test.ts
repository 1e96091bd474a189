/**
 * The same Dockerfiles, read by the reference engine. golden/checks.json has what its linter and its parser said of them,
 * golden/images.json the configuration and history of what it built. `differs` names why ours is another answer; a case that
 * has it must differ, so that one that has become equal is noticed.
 */
import { expect, test } from "bun:test";
import { withoutCredentials } from "../../lib/url-credentials.ts";
import checks from "./golden/checks.json";
import images from "./golden/images.json";
import { planOf } from "./plan/fakes.ts";
import { DockerfileError } from "./text/dockerfile-error.ts";
import type { Range } from "./text/source.ts";

interface Said {
  message: string | null;
  lines: readonly number[];
  warnings: readonly (readonly [rule: string, message: string, lines: readonly number[]])[];
}

interface CheckCase extends Said {
  name: string;
  dockerfile: string;
  target: string | null;
  buildArgs: Record<string, string>;
  differs?: string;
}

const linesOf = ({ start, end }: Range): number[] =>
  Array.from({ length: end.line - start.line + 1 }, (_, i) => start.line + i);

/** A failed build's warnings are not compared: whether some were told before depends on an order that Go leaves to chance. */
async function check({ dockerfile, target, buildArgs }: CheckCase): Promise<Said> {
  try {
    const options = { target, buildArgs: new Map(Object.entries(buildArgs)), allStages: target === null };
    const { warnings } = await planOf(dockerfile, options);
    const said = warnings.map(({ rule, message, range }) => [rule, message, linesOf(range)] as const);
    return { message: null, lines: [], warnings: said };
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return { message: error.message, lines: error.ranges.flatMap(linesOf), warnings: [] };
  }
}

const sorted = ({ message, lines, warnings }: Said): Said => ({
  message,
  lines,
  warnings: message === null ? warnings.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : [],
});

for (const each of checks.cases as unknown as CheckCase[]) {
  const { name, differs } = each;
  const title = differs === undefined ? "agrees" : `differs (${differs})`;
  test(`planBuild() ${title} with the reference engine's check of ${name}`, async () => {
    const ours = sorted(await check(each));
    const theirs = sorted(each);
    if (differs === undefined) expect(ours).toEqual(theirs);
    else expect(ours).not.toEqual(theirs);
  });
}

/** Docker shows neither empty settings nor zeros. */
function shown(settings: object): Record<string, unknown> {
  const isSaid = (value: unknown): boolean =>
    Boolean(value) && !(typeof value === "object" && Object.keys(value as object).length === 0);
  const kept = Object.entries(settings).filter(([, value]) => isSaid(value));
  return Object.fromEntries(kept.map(([key, value]) => [key, key === "Healthcheck" ? shown(value as object) : value]));
}

for (const { name, dockerfile, target, buildArgs, config, author, history } of images.cases) {
  test(`planBuild() makes the reference engine's image of ${name}`, async () => {
    const args = new Map(Object.entries(buildArgs as Record<string, string>));
    const { image } = (await planOf(dockerfile, { target, buildArgs: args })).target;
    // docker history shows a tab as a blank.
    const rows = image.history.map(({ created_by }) => created_by.replaceAll("\t", " "));
    const env = (settings: { Env?: readonly string[] }): string[] => [...(settings.Env ?? [])].sort();
    expect({ ...shown(image.settings), Env: env(image.settings) }).toEqual({ ...config, Env: env(config) });
    expect({ author: image.author, history: rows }).toEqual({ author, history: history.map(withoutCredentials) });
  });
}
