/** Clients that are not Docker's own, driving the daemon as their users do. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

test("docker-compose 1.29: up, ps, logs, exec and down of two services", async () => {
  const project = mkdtempSync(join(tmpdir(), "dhow-compose-"));
  writeFileSync(
    join(project, "docker-compose.yml"),
    `version: "3"
services:
  one:
    image: busybox
    command: ["sh", "-c", "echo one is up; exec sleep 1000"]
    stop_signal: SIGKILL
    volumes: ["kept:/kept"]
  two:
    image: busybox
    command: ["sh", "-c", "echo two is up; exec sleep 1000"]
    stop_signal: SIGKILL
    depends_on: [one]
volumes:
  kept: {}
`,
  );
  const compose = (...args: string[]) =>
    run(["docker-compose", "--no-ansi", "-p", "pair", "-f", join(project, "docker-compose.yml"), ...args], {
      env: { DOCKER_HOST: `unix://${daemon().socket}` },
      timeoutMs: 60_000,
    });
  try {
    const up = await compose("up", "-d");
    expect({ code: up.code, stderr: up.code === 0 ? "" : up.stderr }).toEqual({ code: 0, stderr: "" });
    expect((await compose("ps")).stdout).toMatch(/pair_one_1[^\n]*Up[\s\S]*pair_two_1[^\n]*Up/);
    const logs = (await compose("logs")).stdout;
    expect(logs).toContain("one is up");
    expect(logs).toContain("two is up");
    expect((await compose("exec", "-T", "two", "echo", "inside")).stdout).toBe("inside\n");
  } finally {
    const down = await compose("down", "-v");
    rmSync(project, { recursive: true, force: true });
    expect({ code: down.code, stderr: down.code === 0 ? "" : down.stderr }).toEqual({ code: 0, stderr: "" });
  }
  const left = await daemon().api<unknown[]>("GET", "/containers/json?all=1");
  expect(left.body).toEqual([]);
  expect(await daemon().must("volume", "ls", "-q")).toBe("");
});
