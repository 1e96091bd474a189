import { expect, test } from "bun:test";
import { background } from "../lib/operation.ts";
import { FakeEngine } from "./fakes.ts";

const op = background();
const noStop = { signal: "", timeout: undefined };

async function inspect(engine: FakeEngine, ref: string) {
  return engine.containers.inspect(ref, { size: false }, op);
}

/** Waits for a condition that a timer of the engine brings about. */
async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 4000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("the condition did not come true");
    await Bun.sleep(5);
  }
}

/** Two containers of a Compose project, the web after the healthy db, each with a policy; the web is the older one. */
async function composeProject(engine: FakeEngine, dependsOn = "db:service_healthy:true") {
  const fields = (service: string, depends: string) => ({
    Labels: {
      "com.docker.compose.project": "shop",
      "com.docker.compose.service": service,
      "com.docker.compose.depends_on": depends,
    },
    HostConfig: { RestartPolicy: { Name: "always" } },
  });
  const web = await engine.run("web", fields("web", dependsOn));
  const Healthcheck = { Test: ["CMD", "true"], Interval: 50_000_000, StartInterval: 50_000_000, Retries: 1 };
  const db = await engine.run("db", { ...fields("db", ""), Healthcheck });
  return { web, db };
}

const probeOf = (engine: FakeEngine) =>
  [...engine.runtime.processes.values()].find(({ execId, exit }) => execId && !exit);

/** Lets the db's probes end with the code until the condition holds. */
async function probing(engine: FakeEngine, code: number, condition: () => Promise<boolean>): Promise<void> {
  await until(async () => {
    const { containerId, execId } = probeOf(engine) ?? {};
    if (containerId && execId) engine.runtime.end({ containerId, execId }, code);
    return condition();
  });
}

test.each(["power cut", "orderly stop"])(
  "after a %s a Compose service starts once those it depends on are healthy, others without waiting",
  async (end) => {
    await using engine = await FakeEngine.start();
    const { web, db } = await composeProject(engine);
    const other = await engine.run("other", { HostConfig: { RestartPolicy: { Name: "always" } } });
    if (end === "orderly stop") await engine.containers.stopAll();
    engine.runtime.processes.clear();
    await engine.restart();
    await until(async () => (await engine.status(db)) === "running" && (await engine.status(other)) === "running");
    await until(() => probeOf(engine) !== undefined);
    expect(await engine.status(web)).not.toBe("running");
    await probing(engine, 0, async () => (await engine.status(web)) === "running");
    expect((await inspect(engine, db)).State.Health?.Status).toBe("healthy");
  },
);

test("an unhealthy dependency, a cycle and nonsense labels leave no container of a project behind", async () => {
  for (const label of ["db:service_healthy:true", "web:service_healthy:true", "::,db:never,nobody,\u0000"]) {
    await using engine = await FakeEngine.start();
    const { web, db } = await composeProject(engine, label);
    engine.runtime.processes.clear();
    await engine.restart();
    await probing(
      engine,
      1,
      async () => (await engine.status(web)) === "running" && (await engine.status(db)) === "running",
    );
  }
});

test("a user's stop is heard while a start waits for a dependency", async () => {
  await using engine = await FakeEngine.start();
  const { web, db } = await composeProject(engine);
  engine.runtime.processes.clear();
  await engine.restart();
  await engine.containers.stop(web, noStop, op);
  await probing(engine, 0, async () => (await inspect(engine, db)).State.Health?.Status === "healthy");
  await Bun.sleep(400);
  expect(await engine.status(web)).toBe("exited");
});

test.each(["stopAll", "dispose"])(
  "an engine that ends (%s) starts nothing that waits for a dependency",
  async (end) => {
    await using engine = await FakeEngine.start();
    const { web, db } = await composeProject(engine);
    await engine.containers.stopAll();
    await engine.restart();
    await until(async () => (await engine.status(db)) === "running");
    if (end === "stopAll") await engine.containers.stopAll();
    else await engine.containers[Symbol.asyncDispose]();
    const { starts } = engine.runtime;
    await Bun.sleep(250);
    expect(await engine.status(web)).toBe("exited");
    expect(engine.runtime.starts).toBe(starts);
  },
);
