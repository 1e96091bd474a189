/**
 * The cases of clients that are not ours: programs under test/clients that say what they have with `list`, and otherwise run
 * each case against a socket and print a line of JSON for it. So every case is a test of its own here, and a client keeps its
 * own language.
 */
import { afterAll, beforeAll, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { run, slowness } from "./command.ts";
import { busyboxTar } from "./images.ts";

const folder = fileURLToPath(new URL("../clients/", import.meta.url));

const programs = {
  dockerode: ["node", `${folder}run.mjs`, "dockerode"],
  testcontainers: ["node", `${folder}run.mjs`, "testcontainers"],
  "docker-py": ["python3", `${folder}docker-py.py`],
} as const;

interface Result {
  readonly name: string;
  readonly ms: number;
  readonly error?: string;
}

/** Declares a test for each case of `client`; all of them run before the first, in one process, against `socket`. */
export function clientCases(client: keyof typeof programs, socket: () => string): void {
  const program = programs[client];
  const listed = Bun.spawnSync([...program, "list"]);
  if (listed.exitCode !== 0) throw new Error(`${client} cannot be run; npm test installs it:\n${listed.stderr}`);
  const names = JSON.parse(listed.stdout.toString()) as string[];
  const results = new Map<string, Result>();
  let end = "";
  beforeAll(async () => {
    const args = [socket(), "busybox:latest", await busyboxTar()];
    const { code, stdout, stderr } = await run([...program, ...args], { timeoutMs: 90_000 });
    end = `${client} ended with ${code}\n${stderr}`;
    for (const line of stdout.split("\n").filter(Boolean)) {
      const result = JSON.parse(line) as Result;
      results.set(result.name, result);
    }
  }, 100_000 * slowness);
  test.each(names)(`${client}: %s`, (name) => {
    const result = results.get(name);
    if (!result) throw new Error(`the case was not run: ${end}`);
    if (result.error !== undefined) throw new Error(result.error);
  });
  afterAll(() => {
    const total = [...results.values()].reduce((sum, { ms }) => sum + ms, 0);
    console.log(`${client}: ${results.size} cases in ${(total / 1000).toFixed(1)} s`);
  });
}
