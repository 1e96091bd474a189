import { expect, test } from "bun:test";
import { ContainerConfig } from "../api/containers.ts";
import { HostConfig } from "../api/host-config.ts";
import { parseWire } from "../api/wire.ts";
import { isKnownSignal, parseSignal } from "../lib/signals.ts";
import { checkRequest } from "./check-request.ts";
import { healthAtEnd, healthAtStart, nextHealth, probeOf } from "./health.ts";
import { transition } from "./lifecycle.ts";
import { commandOf, mergeImageConfig } from "./merge-config.ts";
import { checkName, generateName } from "./names.ts";
import { freshState } from "./record.ts";
import { humanDuration, statusText } from "./status-text.ts";
import { formatTime, parseTime } from "./timestamps.ts";
import { parsePs } from "./top.ts";

const config = (fields: object) => parseWire(ContainerConfig, fields);

test("mergeImageConfig() lets the container win, and an entrypoint of its own drops the image's command", () => {
  const image = config({
    Cmd: ["serve"],
    Entrypoint: ["/entry"],
    Env: ["PATH=/bin", "A=1"],
    Labels: { a: "image", b: "image" },
    ExposedPorts: { "80/tcp": {} },
    User: "www",
  });
  const merged = mergeImageConfig(config({ Env: ["A=2"], Labels: { a: "own" } }), image);
  expect(merged.Env).toEqual(["A=2", "PATH=/bin"]);
  expect(merged.Labels).toEqual({ a: "own", b: "image" });
  expect(merged.User).toBe("www");
  expect(commandOf(merged)).toEqual(["/entry", "serve"]);
  expect(commandOf(mergeImageConfig(config({ Cmd: ["x"] }), image))).toEqual(["/entry", "x"]);
  expect(commandOf(mergeImageConfig(config({ Entrypoint: ["sh"] }), image))).toEqual(["sh"]);
  expect(commandOf(mergeImageConfig(config({ Entrypoint: [""], Cmd: ["ls"] }), image))).toEqual(["ls"]);
});

test("checkRequest() refuses in dockerd's words", () => {
  const refusal = (fields: object, host: object): string => {
    const hostConfig = parseWire(HostConfig, { LogConfig: { Type: "json-file" }, ...host });
    try {
      checkRequest(config(fields), hostConfig);
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  };
  expect(refusal({}, {})).toBe("");
  expect(refusal({ StopSignal: "FOO" }, {})).toBe("invalid signal: FOO");
  expect(refusal({}, { RestartPolicy: { Name: "foo" } })).toBe(
    "invalid restart policy: unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  );
  expect(refusal({}, { RestartPolicy: { Name: "on-failure", MaximumRetryCount: -1 } })).toBe(
    "invalid restart policy: maximum retry count cannot be negative",
  );
  expect(refusal({}, { RestartPolicy: { Name: "always", MaximumRetryCount: 3 } })).toBe(
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  );
  expect(refusal({}, { LogConfig: { Type: "foo" } })).toBe(
    'error looking up logging plugin foo: plugin "foo" not found',
  );
  expect(refusal({}, { LogConfig: { Type: "json-file", Config: { foo: "1" } } })).toBe(
    "unknown log opt 'foo' for json-file log driver",
  );
  expect(refusal({ Healthcheck: { Interval: 1000 } }, {})).toBe("Interval in Healthcheck cannot be less than 1ms");
});

test("parseSignal() reads names with and without SIG, and numbers", () => {
  expect(["SIGTERM", "term", "15", "SIGRTMIN+3", "RTMAX-1", "RTMAX"].map(parseSignal)).toEqual([
    15, 15, 15, 37, 63, 64,
  ]);
  for (const text of ["", "0", "SIGFOO", "-1", "1.5"]) expect(() => parseSignal(text)).toThrow("invalid signal");
  expect([1, 31, 32, 34, 64, 65].map(isKnownSignal)).toEqual([true, true, false, true, true, false]);
});

test("checkName() takes what dockerd takes, and generateName() gives such names", () => {
  expect(checkName("/a.b-c_1")).toBe("a.b-c_1");
  for (const name of ["-b", "a", "a b", "a/b", "..", "ä1"]) {
    expect(() => checkName(name)).toThrow(
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  expect(checkName(generateName(() => false))).toMatch(/^[a-z]+_[a-z]+$/);
  let refusals = 0;
  expect(generateName(() => refusals++ < 8)).toMatch(/^[a-z]+_[a-z]+\d+$/);
});

test("humanDuration() speaks as Docker does", () => {
  const table: [number, string][] = [
    [0.9, "Less than a second"],
    [1.5, "1 second"],
    [59, "59 seconds"],
    [61, "About a minute"],
    [45 * 60, "45 minutes"],
    [46 * 60, "About an hour"],
    [89 * 60, "About an hour"],
    [2 * 3600, "2 hours"],
    [47 * 3600, "47 hours"],
    [48 * 3600, "2 days"],
    [13 * 86_400, "13 days"],
    [14 * 86_400, "2 weeks"],
    [59 * 86_400, "8 weeks"],
    [61 * 86_400, "2 months"],
    [3 * 365 * 86_400, "3 years"],
  ];
  for (const [seconds, text] of table) expect([seconds, humanDuration(seconds)]).toEqual([seconds, text]);
});

test("statusText() tells each status as ps does", () => {
  const now = parseTime("2026-01-01T00:10:00Z") ?? 0n;
  const startedAt = "2026-01-01T00:07:00Z";
  const finishedAt = "2026-01-01T00:09:58Z";
  const text = (fields: object): string => statusText({ ...freshState, ...fields }, now);
  expect(text({})).toBe("Created");
  expect(text({ status: "running", startedAt })).toBe("Up 3 minutes");
  expect(text({ status: "paused", startedAt })).toBe("Up 3 minutes (Paused)");
  expect(text({ status: "exited", finishedAt })).toBe("Exited (0) 2 seconds ago");
  expect(text({ status: "restarting", finishedAt, exitCode: 1 })).toBe("Restarting (1) 2 seconds ago");
  const health = { Status: "starting", FailingStreak: 0, Log: [] };
  expect(text({ status: "running", startedAt, health })).toBe("Up 3 minutes (health: starting)");
  expect(text({ status: "running", startedAt, health: { ...health, Status: "healthy" } })).toBe(
    "Up 3 minutes (healthy)",
  );
});

test("parseTime() and formatTime() keep nanoseconds", () => {
  expect(formatTime(parseTime("1700000000.000000001") ?? 0n)).toBe("2023-11-14T22:13:20.000000001Z");
  expect(parseTime("2023-11-14T23:13:20.5+01:00")).toBe(1_700_000_000_500_000_000n);
  expect(parseTime("yesterday")).toBeUndefined();
});

test("parsePs() keeps the container's rows and the blanks of the last column", () => {
  const text = "UID   PID  CMD\nroot    1  init\nroot   42  sleep 1 2\n";
  expect(parsePs(text, new Set([42]))).toEqual({
    Titles: ["UID", "PID", "CMD"],
    Processes: [["root", "42", "sleep 1 2"]],
  });
  expect(() => parsePs("CMD\ninit\n", new Set([1]))).toThrow("Couldn't find PID field in ps output");
});

test("nextHealth() turns unhealthy after the retries, forgives the start period, and keeps five results", () => {
  const result = (ExitCode: number) => ({ Start: "", End: "", ExitCode, Output: "" });
  let health = {
    Status: "starting" as "starting" | "none" | "healthy" | "unhealthy",
    FailingStreak: 0,
    Log: [] as object[],
  };
  const step = (code: number, starting: boolean): string => {
    health = nextHealth(health as Parameters<typeof nextHealth>[0], result(code), 2, starting) as typeof health;
    return `${health.Status} ${health.FailingStreak}`;
  };
  expect(step(1, true)).toBe("starting 0");
  expect(step(1, false)).toBe("starting 1");
  expect(step(1, false)).toBe("unhealthy 2");
  expect(step(0, false)).toBe("healthy 0");
  expect(step(1, true)).toBe("healthy 1");
  expect(step(1, false)).toBe("unhealthy 2");
  expect(health.Log).toHaveLength(5);
});

test("health starts anew with the old log, and is unhealthy when nobody watches any more", () => {
  const Log = [{ Start: "", End: "", ExitCode: 1, Output: "" }];
  const health = { Status: "healthy", FailingStreak: 2, Log } as const;
  const record = { config: { Healthcheck: { Test: ["CMD", "true"] } }, state: { health } };
  const at = (one: object) => healthAtStart(one as unknown as Parameters<typeof healthAtStart>[0]);
  expect(at(record)).toEqual({ Status: "starting", FailingStreak: 0, Log });
  expect(at({ ...record, config: {} })).toBeUndefined();
  expect(healthAtEnd({ ...health, Log })).toEqual({ ...health, Log, Status: "unhealthy" });
  expect(healthAtEnd(undefined)).toBeUndefined();
});

test("probeOf() knows CMD, CMD-SHELL and NONE", () => {
  expect(probeOf({ Test: ["CMD", "a", "b"] }, undefined)?.args).toEqual(["a", "b"]);
  expect(probeOf({ Test: ["CMD-SHELL", "a b"] }, undefined)?.args).toEqual(["/bin/sh", "-c", "a b"]);
  expect(probeOf({ Test: ["NONE"] }, undefined)).toBeNull();
  expect(probeOf(undefined, undefined)).toBeNull();
});

test("transition() refuses what cannot happen", () => {
  expect(transition("running", "exited")).toBe("exited");
  expect(() => transition("created", "exited")).toThrow("a container that is created cannot become exited");
});
