import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBody } from "./create/container-body.ts";
import { References } from "./create/references.ts";
import { configHashes } from "./hashes.ts";
import { loadProject } from "./load.ts";
import type { Observed } from "./observe.ts";
import { planText } from "./plan/operation.ts";
import { planUp } from "./plan/up.ts";
import { jobsOf } from "./schedule.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-schedule-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function load(text: string) {
  writeFileSync(join(dir, "compose.yaml"), text);
  return loadProject({ cwd: dir, env: {}, files: [], projectName: "p", readStdin: async () => "", warn: () => {} });
}

const jobs = `services:
  web: { image: busybox }
  backup: { image: busybox, x-schedule: "30 3 * * sun", depends_on: [web] }
`;

test("x-schedule becomes the label that the engine reads, and its container is made and not started", async () => {
  const project = await load(jobs);
  expect(jobsOf(project)).toEqual(["backup"]);
  const body = createBody(project, project.services.backup!, new References(new Map()), {
    name: "p-backup-1",
    number: 1,
    configHash: "",
    imageId: "",
    carried: [],
  });
  expect(body.Labels).toMatchObject({ "dhow.schedule": "30 3 * * sun" });
  const nothing: Observed = { containers: [], networks: new Map(), volumes: new Map() };
  const plan = planUp(project, nothing, new Map(), configHashes, {
    services: [],
    recreate: "diverged",
    recreateDependencies: "diverged",
    renewVolumes: false,
    removeOrphans: false,
    ignoreOrphans: false,
    scale: new Map(),
    start: true,
    wait: true,
  });
  expect(planText(plan).trimEnd().split("\n")).toEqual([
    "network p_default (absent)",
    "create p-web-1 (absent) <- network p_default",
    "create p-backup-1 (absent) <- network p_default",
    "start p-web-1 (new) <- create p-web-1",
    "wait p-web-1 (--wait) <- start p-web-1",
  ]);
});

test("a schedule that makes no sense, and one who waits for a job, are found at load with their places", async () => {
  const wrong = `services:
  a: { image: busybox, x-schedule: "61 * * * *" }
  b: { image: busybox, x-schedule: 5 }
  c: { image: busybox, x-schedule: "@daily" }
  d: { image: busybox, depends_on: [c] }
`;
  const told = await load(wrong).then(
    () => "",
    (error: Error) => error.message,
  );
  expect(told).toContain(":2:24: services.a.x-schedule invalid schedule");
  expect(told).toContain(":3:24: services.b.x-schedule must be a string");
  expect(told).toContain('service "d" depends on "c", which runs by its schedule');
});
