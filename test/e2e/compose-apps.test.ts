/**
 * Whole applications from Debian's packages and npm's, built and run by our Compose, by the plugin of today and by
 * docker-compose 1.29, each going on with what the other has started. Needs minutes, a mirror and a registry in reach, and
 * mmdebstrap: DHOW_TEST_APPS=1 asks for it. DHOW_TEST_COMPOSE and DHOW_TEST_BUILDX name the plugins.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Application, type Tool, tools } from "../harness/application.ts";
import { until } from "../harness/command.ts";
import { runClient, type TestDaemon } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const asked = process.env.DHOW_TEST_APPS === "1" && Bun.which("mmdebstrap") !== null;
if (!asked) console.log("no applications are run: DHOW_TEST_APPS=1 asks for them, and mmdebstrap must be there");
else if (!tools.includes("plugin"))
  console.log("not by compose 2: DHOW_TEST_COMPOSE and DHOW_TEST_BUILDX name no plugins");

const daemon: () => TestDaemon = asked
  ? withDaemon()
  : () => {
      throw new Error("not asked for");
    };
const minutes = 60_000;
const reports: string[] = [];
const others = tools.filter((tool): tool is Exclude<Tool, "dhow"> => tool !== "dhow");

beforeAll(async () => {
  if (!asked) return;
  const from = performance.now();
  const args = ["image", "bootstrap", "debian:bookworm", "--quiet"];
  const { code, stderr } = await runClient("dhow", daemon().socket, args, { timeoutMs: 9 * minutes });
  if (code !== 0) throw new Error(stderr);
  reports.push(`debian:bookworm\n  ${((performance.now() - from) / 1000).toFixed(2).padStart(8)} s  bootstrapped\n`);
}, 10 * minutes);

afterAll(async () => {
  if (!asked) return;
  await daemon().docker("rmi", "debian:bookworm");
  await daemon().docker("builder", "prune", "-af");
  console.log(reports.join(""));
}, 2 * minutes);

interface Items {
  readonly items: readonly string[];
  readonly source: "database" | "cache";
  readonly views: number;
  readonly greeting: string;
}

const json = (value: unknown): RequestInit => ({
  method: "POST",
  body: JSON.stringify(value),
  headers: { "content-type": "application/json" },
});

test.skipIf(!asked)(
  "a shop keeps its items in PostgreSQL and its counts in Redis, whichever Compose has it in hand",
  async () => {
    await using shop = new Application(daemon(), "shop");
    const items = async () => shop.page<Items>(`${await shop.address("front", 80)}/items`);
    const add = async (name: string) => shop.page(`${await shop.address("front", 80)}/items`, json({ name }));
    /** Those that stay: what migrates starts with each up, and ends. */
    const serving = async () => {
      const { migrate: _, ...others } = await shop.running();
      return others;
    };
    const services = ["app", "cache", "db", "front"];

    await shop.compose("dhow", ["build"]);
    await shop.compose("dhow", ["up", "-d"]);
    expect(Object.keys(await serving())).toEqual(services);
    expect(
      (await shop.containers()).find(({ Labels }) => Labels["com.docker.compose.service"] === "migrate"),
    ).toMatchObject({
      State: "exited",
      Status: expect.stringContaining("Exited (0)"),
    });
    expect(await shop.compose("dhow", ["logs", "--no-log-prefix", "migrate"])).toBe("2 steps\n");
    expect(await items()).toEqual({ items: [], source: "database", views: 1, greeting: "welcome" });
    await add("tea");
    expect(await items()).toMatchObject({ items: ["tea"], source: "database", views: 2 });
    expect(await items()).toMatchObject({ items: ["tea"], source: "cache", views: 3 });

    const first = await serving();
    await shop.compose("dhow", ["up", "-d"]);
    expect(await serving()).toEqual(first);
    await shop.compose("dhow", ["up", "-d"], { SHOP_GREETING: "good day" });
    const greeted = await serving();
    expect(greeted).toEqual({ ...first, app: greeted.app ?? [] });
    expect(greeted.app).not.toEqual(first.app);
    expect(await items()).toMatchObject({ items: ["tea"], views: 4, greeting: "good day" });

    await shop.compose("dhow", ["down"]);
    expect(await shop.containers()).toEqual([]);
    await shop.compose("dhow", ["up", "-d", "--wait"]);
    expect(await shop.compose("dhow", ["logs", "--no-log-prefix", "migrate"])).toBe("0 steps\n");
    expect(await items()).toMatchObject({ items: ["tea"], views: 5, greeting: "welcome" });

    let views = 5;
    for (const tool of others) {
      const before = await serving();
      if (tool === "plugin") {
        await shop.compose(tool, ["up", "-d"]);
        expect(await serving()).toEqual(before);
        await shop.compose(tool, ["up", "-d", "--build"]);
      }
      // 1.29 makes nothing anew: it reads a field for that which engines tell no more.
      await shop.compose(tool, ["ps"]);
      await shop.compose(tool, ["exec", "-T", "cache", "redis-cli", "get", "views"]);
      await shop.compose(tool, ["restart", "app"]);
      await add(`sold by ${tool}`);
      expect((await items()).items).toContain(`sold by ${tool}`);
      await shop.compose(tool, ["down"]);
      expect(await shop.containers()).toEqual([]);
      await shop.compose(tool, ["up", "-d"]);
      views += 2;
      expect(await items()).toMatchObject({ views, greeting: "welcome" });
      const theirs = await serving();
      expect(Object.keys(theirs)).toEqual(services);
      await shop.compose("dhow", ["up", "-d"]);
      // The digest of 1.29 is another one: what it has made is made anew.
      if (tool === "plugin") expect(await serving()).toEqual(theirs);
      expect((await items()).views).toBe(views + 1);
      await shop.compose("dhow", ["down"]);
      expect(await shop.containers()).toEqual([]);
      await shop.compose("dhow", ["up", "-d"]);
      views = (await items()).views;
    }
    await shop.compose("dhow", ["down", "-v"]);
    expect(await daemon().must("volume", "ls", "-q")).toBe("");
    reports.push(shop.report());
  },
  30 * minutes,
);

interface Note {
  readonly text: string;
  readonly packages: readonly string[];
  readonly process: number;
}

test.skipIf(!asked).each(tools.filter((tool) => tool !== "1.29"))(
  "watch carries what changes of a Node application into it (%s)",
  async (tool) => {
    await using notes = new Application(daemon(), "notes");
    const write = (path: string, text: string) => writeFileSync(join(notes.directory, path), text);
    await notes.compose(tool, ["build"]);
    const child = Bun.spawn([...notes.command(tool), "up", "--watch"], {
      env: { ...process.env, ...notes.env },
      stdout: "pipe",
      stderr: "pipe",
    });
    let told = "";
    const output = Promise.all(
      [child.stdout, child.stderr].map(async (stream) => {
        for await (const bytes of stream) told += Buffer.from(bytes).toString();
      }),
    );
    try {
      await until("the first container", async () => (await notes.running()).web, 60_000);
      const note = async () => notes.page<Note>(await notes.address("web", 3000));
      const seen = async (what: string, look: (note: Note) => boolean) => {
        const from = performance.now();
        // A container that starts again has another port, and while one takes another's place there is none for a moment.
        const noteNow = async () => (await (await fetch(await notes.address("web", 3000))).json()) as Note;
        const seenNow = async () => noteNow().then(look, () => false);
        await until(what, seenNow, 60_000);
        notes.times.push([`${tool}: ${what}`, performance.now() - from]);
      };
      expect((await note()).text).toBe("hello reader");
      const [container] = (await notes.running()).web ?? [];
      await until("the watch", () => told.includes("Watch enabled"));

      write("src/greet.js", "export const greet = (name) => `good day ${name}`;\n");
      await seen("sync", ({ text }) => text === "good day reader");
      write("config/settings.json", '{ "name": "writer" }\n');
      await seen("sync and restart", ({ text }) => text === "good day writer");
      expect((await notes.running()).web).toEqual([container!]);
      for (const name of ["package-lock.json", "package.json"])
        cpSync(join(notes.directory, "next", name), join(notes.directory, name));
      await seen("rebuild", ({ packages }) => packages.includes("ms"));
      expect(await note()).toMatchObject({ text: "good day writer" });
      expect((await notes.running()).web).not.toEqual([container!]);
      renameSync(join(notes.directory, "src/greet.js"), join(notes.directory, "src/greeting.js"));
      write("src/greet.js", 'export { greet } from "./greeting.js";\n');
      await seen("rename", ({ text }) => text === "good day writer");
    } finally {
      child.kill("SIGINT");
      await output;
    }
    expect({ told, code: await child.exited }).toMatchObject({ code: 130 });
    reports.push(notes.report());
  },
  20 * minutes,
);

interface Jobs {
  readonly waiting: number;
  readonly done: number;
  readonly workers: readonly string[];
}

test.skipIf(!asked)(
  "a queue loses no job when its workers come and go, and no request when its interface is replaced",
  async () => {
    await using queue = new Application(daemon(), "queue");
    await queue.compose("dhow", ["build"]);
    await queue.compose("dhow", ["up", "-d"]);
    const base = await queue.address("front", 80);
    const count = async (service: string) => (await queue.running())[service]?.length ?? 0;
    const jobs = () => queue.page<Jobs>(`${base}/jobs`);
    const submit = (many: number) => queue.page(`${base}/jobs`, { method: "POST", body: String(many) });
    expect([await count("api"), await count("worker"), await count("report")]).toEqual([2, 2, 0]);

    let sent = 0;
    for (const [tool, workers] of [["dhow", 5], ["dhow", 1], ...others.map((other) => [other, 4])] as [
      Tool,
      number,
    ][]) {
      await submit(150);
      sent += 150;
      await queue.compose(tool, [
        "up",
        "-d",
        "--no-recreate",
        "--scale",
        `worker=${workers}`,
        ...(tool === "1.29" ? ["worker"] : []),
      ]);
      expect(await count("worker")).toBe(workers);
      await submit(50);
      sent += 50;
      const from = performance.now();
      await until("all jobs", async () => (await jobs()).done === sent, 60_000);
      queue.times.push([`200 jobs, ${workers} workers`, performance.now() - from]);
      expect(await jobs()).toMatchObject({ waiting: 0, done: sent });
    }
    await queue.compose("dhow", ["up", "-d"]);
    expect([await count("api"), await count("worker")]).toEqual([2, 2]);

    // A client that never rests while the interface goes from one release to the next, and back.
    const answers = new Map<string, number>();
    let over = false;
    const client = (async () => {
      while (!over) {
        const answer = await fetch(`${base}/release`, { keepalive: false, signal: AbortSignal.timeout(10_000) }).then(
          async (got) => (got.ok ? ((await got.json()) as { release: string }).release : `status ${got.status}`),
          (error: unknown) => String(error),
        );
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        await Bun.sleep(5);
      }
    })();
    await until("the first release", () => answers.has("one"));
    await queue.compose("dhow", ["up", "-d"], { RELEASE: "two" });
    await until("the second release", () => answers.has("two"));
    await queue.compose("dhow", ["up", "-d"], { RELEASE: "three" });
    await until("the third release", () => answers.has("three"));
    over = true;
    await client;
    expect([...answers.keys()].sort()).toEqual(["one", "three", "two"]);
    queue.times.push([`${[...answers.values()].reduce((a, b) => a + b)} requests, none failed`, 0]);

    await until(
      "a report",
      async () =>
        (await queue.compose("dhow", ["exec", "-T", "redis", "redis-cli", "lrange", "reports", "-1", "-1"])).trim() ===
        String(sent),
      75_000,
    );
    await queue.compose("dhow", ["down", "-v"]);
    reports.push(queue.report());
  },
  20 * minutes,
);
