/** What images hold that dhow builds, beside what the reference engine's BuildKit made of the same contexts (test/fixtures/builds). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildCases } from "../fixtures/builds/cases.ts";
import { buildCase, CaseServers } from "../harness/build-case.ts";
import { classicBuild } from "../harness/classic-build.ts";
import { slowness } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

classicBuild();

const daemon = withDaemon();
let servers: CaseServers;
beforeAll(async () => {
  servers = await CaseServers.start();
});
afterAll(() => servers[Symbol.asyncDispose]());

const golden = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../fixtures/builds/${name}.txt`, import.meta.url)), "utf8");

test.each(buildCases.map((one) => [one.name, one] as const))(
  "%s",
  async (name, one) => {
    const env = { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0" };
    try {
      const built = await buildCase({ client: ["docker"], build: [dhowBinary, "build"], env }, one, servers);
      expect(built).toBe(golden(name));
    } finally {
      await daemon().dhow("rmi", "-f", "built", "before");
      await daemon().dhow("builder", "prune", "-af");
    }
  },
  30_000 * slowness,
);
