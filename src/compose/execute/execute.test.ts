import { expect, test } from "bun:test";
import type { Operation, Plan } from "../plan/operation.ts";
import { quietProgress } from "../progress.ts";
import { verdictOf } from "./await-service.ts";
import { execute } from "./execute.ts";

const operation = (id: string, after: string[] = [], waits = false): Operation => ({
  id,
  after,
  cause: "",
  action: waits
    ? { kind: "awaitService", service: id, condition: "service_healthy", names: [id], required: true }
    : { kind: "startContainer", service: id, name: id },
});

const plan = (...operations: Operation[]): Plan => ({ operations, warnings: [] });

test("execute() keeps the order, and does side by side what does not wait for each other", async () => {
  const told: string[] = [];
  let atOnce = 0;
  let most = 0;
  await execute(plan(operation("c", ["a", "b"]), operation("a"), operation("b")), {
    parallel: -1,
    progress: quietProgress,
    async perform({ id }) {
      most = Math.max(most, ++atOnce);
      await Bun.sleep(5);
      atOnce--;
      told.push(id);
    },
  });
  expect(told.at(-1)).toBe("c");
  expect(most).toBe(2);
});

test("execute() holds --parallel, but for what only waits", async () => {
  let atOnce = 0;
  let most = 0;
  const waiting = Promise.withResolvers<void>();
  await execute(plan(operation("w", [], true), ...["a", "b", "c"].map((id) => operation(id))), {
    parallel: 1,
    progress: quietProgress,
    async perform({ id }) {
      if (id === "w") return waiting.promise;
      most = Math.max(most, ++atOnce);
      await Bun.sleep(2);
      atOnce--;
      if (id === "c") waiting.resolve();
    },
  });
  expect(most).toBe(1);
});

test("execute() leaves undone what waits for a failure, ends what has begun, and throws the first", async () => {
  const told: string[] = [];
  const work = execute(
    plan(operation("bad"), operation("slow"), operation("after", ["bad"]), operation("later", ["slow"])),
    {
      parallel: -1,
      progress: quietProgress,
      async perform({ id }) {
        if (id === "bad") throw new Error("no such image");
        await Bun.sleep(10);
        told.push(id);
      },
    },
  );
  await expect(work).rejects.toThrow("no such image");
  expect(told).toEqual(["slow"]);
});

test("execute() begins nothing after an abort", async () => {
  const abort = new AbortController();
  const told: string[] = [];
  const work = execute(plan(operation("a"), operation("b", ["a"])), {
    parallel: -1,
    progress: quietProgress,
    signal: abort.signal,
    async perform({ id }) {
      told.push(id);
      abort.abort(new Error("interrupted"));
    },
  });
  await expect(work).rejects.toThrow("interrupted");
  expect(told).toEqual(["a"]);
});

test("verdictOf() tells what is met, what can still be, and what no longer can", () => {
  const state = (Status: string, more: object = {}) =>
    ({ State: { Status, ExitCode: 0, ...more } }) as Parameters<typeof verdictOf>[0];
  const healthy = (status: string) => state("running", { Health: { Status: status } });
  const look = (found: Parameters<typeof verdictOf>[0], condition: Parameters<typeof verdictOf>[2]) =>
    verdictOf(found, "p-a-1", condition, "a");
  expect(look(healthy("healthy"), "service_healthy")).toBe("met");
  expect(look(healthy("starting"), "service_healthy")).toBe("wait");
  expect(look(healthy("unhealthy"), "service_healthy")).toEqual({
    failed: "dependency failed to start: container p-a-1 is unhealthy",
  });
  expect(look(state("running"), "service_healthy")).toEqual({
    failed: "dependency failed to start: container p-a-1 has no healthcheck configured",
  });
  expect(look(state("running"), "running_or_healthy")).toBe("met");
  expect(look(state("exited", { ExitCode: 1 }), "running_or_healthy")).toEqual({
    failed: "container p-a-1 exited (1)",
  });
  expect(look(state("running"), "service_completed_successfully")).toBe("wait");
  expect(look(state("exited"), "service_completed_successfully")).toBe("met");
  expect(look(state("exited", { ExitCode: 2 }), "service_completed_successfully")).toEqual({
    failed: `service "a" didn't complete successfully: exit 2`,
  });
});
