/** `build --debug`: a shell in the files of a step that failed. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { TerminalClient } from "../harness/terminal.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-debug-"));
afterAll(() => rmSync(root, { recursive: true }));

function context(dockerfile: string): string {
  const path = join(root, String(Bun.hash(dockerfile)));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "Dockerfile"), dockerfile);
  return path;
}

const user = "someone:x:77:77::/:/bin/sh";
const failing = `FROM busybox\nENV WHERE=here\nRUN mkdir -p /etc /tmp && chmod 1777 /tmp && echo ${user} >> /etc/passwd\nWORKDIR /work\n`;
const images = async (): Promise<string[]> => (await daemon().must("images", "-aq")).trim().split("\n");

test("--debug opens a shell where the step failed, with its environment and user, and takes everything away again", async () => {
  const before = await images();
  const path = context(`${failing}USER someone\nRUN touch /tmp/left; exit 3\n`);
  const command = [dhowBinary, "-H", `unix://${daemon().socket}`, "build", "--debug", path];
  await using client = new TerminalClient(command, { TERM: "xterm" });
  await until("the shell", () => client.output.includes("a shell in the files of the failed step"));
  client.type('echo "<$(ls /tmp) $(pwd) $WHERE $(id -un)>"\n');
  await until("the shell", () => client.output.includes("<left /work here someone>"));
  expect(client.output).toContain("did not complete successfully: exit code: 3");
  client.type("exit\n");
  expect(await client.exited()).toBe(1);
  expect(await images()).toEqual(before);
  expect(await daemon().must("ps", "-aq")).toBe("");
});

test("--debug without a terminal, or of what is no failed RUN, keeps nothing", async () => {
  const before = await images();
  const failed = await daemon().dhow("build", "--debug", context(`${failing}RUN false\n`));
  expect([failed.code, failed.stderr]).toEqual([
    1,
    expect.stringContaining("no shell in the failed step: standard input is no terminal\n"),
  ]);
  const wrong = await daemon().dhow("build", "--debug", context("FROM busybox\nCOPY none /\n"));
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.not.stringContaining("no shell")]);
  expect(await images()).toEqual(before);
});
