/** What images hold that dhow builds, beside what the reference engine's BuildKit made of the same contexts (test/fixtures/builds). */
import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildCases } from "../fixtures/builds/cases.ts";
import { describeImage, makeContext } from "../harness/built-image.ts";
import { classicBuild } from "../harness/classic-build.ts";
import { slowness } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

classicBuild();

const daemon = withDaemon();
const golden = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../fixtures/builds/${name}.txt`, import.meta.url)), "utf8");

test.each(buildCases.map((one) => [one.name, one] as const))(
  "%s",
  async (name, one) => {
    const context = await makeContext(one);
    try {
      await daemon().must("build", "-q", "-t", "built", context);
      const env = { DOCKER_HOST: `unix://${daemon().socket}` };
      expect(await describeImage(["docker"], env, { image: "built", base: "busybox" })).toBe(golden(name));
    } finally {
      rmSync(context, { recursive: true });
      await daemon().dhow("rmi", "-f", "built");
      await daemon().dhow("builder", "prune", "-af");
    }
  },
  30_000 * slowness,
);
