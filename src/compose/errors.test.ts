/** Each case is a project with mistakes and all that is told about them, in the order of the places where they stand. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadProject } from "./load.ts";
import { ComposeError } from "./problems.ts";

const folder = fileURLToPath(new URL("./fixtures", import.meta.url));
const cases = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());

test.each(cases.map((one) => one.name))("loadProject() tells everything that is wrong: %s", async (name) => {
  const cwd = join(folder, name);
  const failure = await loadProject({ cwd, env: {}, projectName: "project" }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ComposeError);
  const told = (failure as ComposeError).message.replaceAll(`${cwd}/`, "");
  const file = join(cwd, "errors.txt");
  if (process.env.RECORD_ERRORS && !existsSync(file)) writeFileSync(file, `${told}\n`);
  expect(`${told}\n`).toBe(readFileSync(file, "utf8"));
});
