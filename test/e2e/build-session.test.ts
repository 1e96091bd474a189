/**
 * `POST /build?version=2` with a session: BuildKit's build of Docker's clients up to 22 without buildx (Debian 12's has no other).
 * The stock one builds too where `DHOW_TEST_OLD_DOCKER` is the path of a `docker` of that age.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StatusResponse } from "../../src/api/buildkit/control.ts";
import type { ProgressMessage } from "../../src/api/images.ts";
import { run } from "../harness/command.ts";
import { lend } from "../harness/lent-directory.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-session-"));
afterAll(() => rmSync(root, { recursive: true }));

const file = { path: "f", mode: 0o644, size: 1 };

async function build(query: Record<string, string>): Promise<{ status: number; messages: ProgressMessage[] }> {
  const parameters = new URLSearchParams({ version: "2", remote: "client-session", ...query });
  const answer = await fetch(`http://d/build?${parameters}`, { method: "POST", unix: daemon().socket });
  const lines = (await answer.text()).split("\n").filter((line) => line !== "");
  return { status: answer.status, messages: lines.map((line) => JSON.parse(line) as ProgressMessage) };
}

const told = (messages: readonly ProgressMessage[]) =>
  messages
    .filter(({ id }) => id === "moby.buildkit.trace")
    .map(({ aux }) => StatusResponse.decode(Buffer.from(aux as string, "base64")));

test("a build of a session's files tells its vertices and output, and the image's id", async () => {
  const dockerfile = "FROM busybox\nARG WHO\nRUN echo hello $WHO\nCOPY . /d/\n";
  using lent = await lend(daemon().socket, { files: [file], dockerfile });
  const { status, messages } = await build({
    session: lent.id,
    t: "by-session:1",
    buildargs: JSON.stringify({ WHO: "you" }),
    labels: JSON.stringify({ by: "session" }),
    extrahosts: "there:10.1.2.3",
  });
  expect(status).toBe(200);
  const trace = told(messages);
  expect(trace.flatMap(({ vertexes }) => vertexes.map(({ name }) => name))).toContain("[3/3] COPY . /d/");
  expect(trace.flatMap(({ logs }) => logs.map(({ msg }) => Buffer.from(msg).toString())).join("")).toContain(
    "hello you\n",
  );
  const { aux } = messages.find(({ id }) => id === "moby.image.id") as { aux: { ID: string } };
  expect(await daemon().must("inspect", "-f", "{{.Id}} {{.Config.Labels.by}}", "by-session:1")).toBe(
    `${aux.ID} session\n`,
  );
  expect(await daemon().must("run", "--rm", "by-session:1", "cat", "/d/f")).toBe("x");
});

test("a build that fails says so in the reply, and one without a session at once", async () => {
  using lent = await lend(daemon().socket, { files: [], dockerfile: "FROM busybox\nRUN exit 7\n" });
  const { messages } = await build({ session: lent.id });
  expect(messages.at(-1)?.error).toContain("did not complete successfully: exit code: 7");
  expect((await build({})).messages.at(-1)).toMatchObject({ message: expect.stringContaining("need a session") });
});

const old = process.env.DHOW_TEST_OLD_DOCKER;
if (old === undefined) console.log("DHOW_TEST_OLD_DOCKER names no docker of up to 22: its builds are skipped");

test.skipIf(old === undefined || !existsSync(old))(
  "stock docker without buildx builds, with a secret, to the store and to files",
  async () => {
    writeFileSync(
      join(root, "Dockerfile"),
      "FROM busybox\nRUN --mount=type=secret,id=s wc -c < /run/secrets/s > /n\nCOPY f /f\n",
    );
    writeFileSync(join(root, "f"), "from a file");
    writeFileSync(join(root, "secret"), "four");
    const env = {
      HOME: root,
      DOCKER_HOST: `unix://${daemon().socket}`,
      DOCKER_BUILDKIT: "1",
      BUILDKIT_PROGRESS: "plain",
    };
    const args = [old!, "build", "--secret", `id=s,src=${join(root, "secret")}`];
    const stored = await run([...args, "-t", "old:1", root], { env });
    expect([stored.code, stored.stderr]).toEqual([0, expect.stringContaining("[3/3] COPY f /f")]);
    expect(await daemon().must("run", "--rm", "old:1", "cat", "/n", "/f")).toBe("4\nfrom a file");
    const out = join(root, "out");
    const given = await run([...args, "-o", out, root], { env });
    expect([given.code, given.stderr]).toEqual([0, expect.stringContaining("exporting")]);
    expect(readFileSync(join(out, "n"), "utf8")).toBe("4\n");
  },
);
