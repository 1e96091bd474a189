import { expect, test } from "bun:test";
import { historyEvents } from "../../../api/buildkit/control.ts";
import { notFound } from "../../../lib/errors.ts";
import { statusOf } from "../../../lib/grpc/status.ts";
import { BuildHistory, type HistoryEvent } from "./history.ts";
import { type FrontendRequest, Job } from "./jobs.ts";

function job(ref: string): Job {
  const made = new Job(ref, "", [], new AbortController().signal);
  Object.assign(made.progress.counts, { cached: 1, total: 3, completed: 2, warnings: 4 });
  return made;
}
const request = (attributes: Readonly<Record<string, string>>): FrontendRequest =>
  ({ frontend: "dockerfile.v0", attributes: new Map(Object.entries(attributes)) }) as unknown as FrontendRequest;
const all = { ref: "", activeOnly: false, isLive: false, limit: 0 };

async function told(
  history: BuildHistory,
  wanted: Partial<typeof all> = {},
  signal = AbortSignal.timeout(1000),
): Promise<HistoryEvent[]> {
  return await Array.fromAsync(history.follow({ ...all, ...wanted }, signal));
}
const refs = (events: readonly HistoryEvent[]): unknown[] => events.map(({ record }) => record.ref);

test("BuildHistory tells of builds, the newest first, those under way apart, and as many as are asked for", async () => {
  const history = new BuildHistory();
  for (const ref of ["one", "two", "three"]) history.begin(job(ref), []);
  history.end(job("two"), null, new Map([["containerimage.digest", "sha256:1"]]));
  expect(refs(await told(history))).toEqual(["three", "two", "one"]);
  expect((await told(history)).map(({ type }) => type)).toEqual([
    historyEvents.started,
    historyEvents.complete,
    historyEvents.started,
  ]);
  expect(refs(await told(history, { activeOnly: true }))).toEqual(["three", "one"]);
  expect(refs(await told(history, { limit: 1 }))).toEqual(["three"]);
  expect(refs(await told(history, { ref: "one" }))).toEqual(["one"]);
});

test("BuildHistory has what a build came to, and nothing of what may be secret", async () => {
  const history = new BuildHistory();
  history.begin(job("good"), [{ type: "image", attrs: new Map([["name", "x"]]) }]);
  history.end(
    job("good"),
    request({
      "build-arg:API_TOKEN": "canary",
      "build-arg:VERSION": "1",
      "local-sessionid:context": "canary",
      target: "t",
    }),
    new Map([["a", "b"]]),
  );
  history.begin(job("bad"), []);
  history.end(job("bad"), null, statusOf(notFound("no such thing")));
  const [bad, good] = (await told(history)).map(({ record }) => record);
  expect(JSON.stringify([...(good?.frontendAttrs ?? [])])).toBe('[["build-arg:VERSION","1"],["target","t"]]');
  expect(good).toMatchObject({ numCachedSteps: 1, numTotalSteps: 3, numCompletedSteps: 2, numWarnings: 4 });
  expect(good?.exporterResponse?.get("a")).toBe("b");
  expect(bad?.error?.message).toBe("no such thing");
  expect(bad?.exporterResponse).toBeUndefined();
});

test("BuildHistory keeps the last hundred, and those that are pinned", async () => {
  const history = new BuildHistory();
  history.begin(job("pinned"), []);
  history.pin("pinned", true);
  for (let i = 0; i < 150; i++) history.begin(job(`b${i}`), []);
  const seen = refs(await told(history));
  expect([seen.length, seen[0], seen.at(-1), seen.at(-2)]).toEqual([100, "b149", "pinned", "b51"]);
  history.remove("pinned");
  for (const wrong of [() => history.remove("pinned"), () => history.pin("none", true)])
    expect(wrong).toThrow("no build history record");
});

test("BuildHistory tells of what comes later, until the signal", async () => {
  const history = new BuildHistory();
  history.begin(job("before"), []);
  const leaving = new AbortController();
  const events: [number, unknown][] = [];
  const following = (async () => {
    for await (const { type, record } of history.follow({ ...all, isLive: true }, leaving.signal)) {
      events.push([type, record.ref]);
      if (events.length === 4) leaving.abort();
    }
  })();
  await Bun.sleep(1);
  history.begin(job("later"), []);
  history.end(job("later"), null, new Map());
  await Bun.sleep(1);
  history.remove("before");
  await following;
  expect(events).toEqual([
    [historyEvents.started, "before"],
    [historyEvents.started, "later"],
    [historyEvents.complete, "later"],
    [historyEvents.deleted, "before"],
  ]);
});
