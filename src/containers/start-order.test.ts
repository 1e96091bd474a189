import { expect, test } from "bun:test";
import { type Labelled, parseDependsOn, startOrder } from "./start-order.ts";

function member(id: string, dependsOn = "", more: Record<string, string> = {}): Labelled {
  const [service = id] = id.split("-");
  return {
    id,
    labels: {
      "com.docker.compose.project": "shop",
      "com.docker.compose.service": service,
      "com.docker.compose.depends_on": dependsOn,
      "com.docker.compose.oneoff": "False",
      ...more,
    },
  };
}

/** `web <- db:service_healthy(db-1 db-2)`, a line for each container. */
function text(containers: readonly Labelled[]): string[] {
  return [...startOrder(containers)].map(([id, awaited]) =>
    [id, ...awaited.map(({ condition, ids }) => `${condition}(${ids.join(" ")})`)].join(" <- "),
  );
}

test("startOrder() puts a service after those it depends on, with every one of their containers", () => {
  expect(
    text([
      member("web", "api:service_healthy:true,cache:service_started:false"),
      member("api-1", "db:service_healthy:false"),
      member("api-2", "db:service_healthy:false"),
      member("db"),
      member("cache", "db"),
    ]),
  ).toEqual([
    "db",
    "api-1 <- service_healthy(db)",
    "api-2 <- service_healthy(db)",
    "cache <- service_started(db)",
    "web <- service_healthy(api-1 api-2) <- service_started(cache)",
  ]);
});

test("startOrder() knows a service in its own project only, and no one-off container", () => {
  const other = { "com.docker.compose.project": "other" };
  expect(
    text([
      member("web", "db"),
      member("db", "", other),
      member("db-run", "", { "com.docker.compose.oneoff": "True" }),
      { id: "plain", labels: {} },
    ]),
  ).toEqual(["db-run", "plain", "web", "db"]);
});

test("startOrder() drops what is on a cycle or behind one, and keeps the rest", () => {
  expect(text([member("a", "b"), member("b", "a"), member("c", "c"), member("e", "d"), member("d")])).toEqual([
    "d",
    "e <- service_started(d)",
    "a",
    "b",
    "c",
  ]);
});

test("startOrder() takes no harm from labels that are nonsense", () => {
  const nonsense = [
    "",
    ",,,",
    ":",
    "::::",
    "db:",
    "db:__proto__:true",
    "__proto__",
    "constructor:service_healthy",
    "\0,\n",
  ];
  const containers = nonsense.map((label, at) => member(`s${at}`, label));
  expect(text(containers)).toEqual(containers.map(({ id }) => id));
  const named = { "com.docker.compose.project": "__proto__", "com.docker.compose.service": "constructor" };
  expect(text([member("x", "toString", named)])).toEqual(["x"]);
});

test("startOrder() goes through a long chain and a huge label in no time", () => {
  const chain = Array.from({ length: 20_000 }, (_, at) => member(`s${at}`, `s${at + 1}:service_healthy:false`));
  const huge = member("huge", "s0:service_started:false,".repeat(100_000));
  const before = performance.now();
  expect([...startOrder([...chain, huge]).keys()].slice(0, 2)).toEqual(["s19999", "s19998"]);
  expect(performance.now() - before).toBeLessThan(5000);
});

test("parseDependsOn() takes a bare name for a start and leaves out conditions it does not know", () => {
  expect([
    ...parseDependsOn("db:service_healthy:true,cache,job:service_completed_successfully:false,x:later:true"),
  ]).toEqual([
    ["db", "service_healthy"],
    ["cache", "service_started"],
    ["job", "service_completed_successfully"],
  ]);
});
