/** The words and statuses of refusals, as dockerd was seen to give them. */
import { beforeAll, expect, test } from "bun:test";
import { badRequests } from "../fixtures/bad-requests.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const ids = new Map<string, string>();

beforeAll(async () => {
  ids.set(
    "err-run",
    (
      await daemon().dhow("run", "-d", "--name", "err-run", "-v", "errused:/u", "busybox", "sleep", "600")
    ).stdout.trim(),
  );
  ids.set("err-created", (await daemon().dhow("create", "--name", "err-created", "busybox", "true")).stdout.trim());
});

test.each(
  badRequests.map((row) => [`${row.method} ${row.path} ${JSON.stringify(row.body) ?? ""}`.slice(0, 140), row] as const),
)("%s", async (_title, { method, path, body, type, status, message }) => {
  const answer = await fetch(
    `http://d${path.startsWith("/v") && !path.startsWith("/volumes") ? "" : "/v1.51"}${path}`,
    {
      method,
      unix: daemon().socket,
      headers: { "content-type": type ?? "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    },
  );
  let text = await answer.text();
  try {
    text = (JSON.parse(text) as { message: string }).message;
  } catch {}
  for (const [name, id] of ids) text = text.replaceAll(id, `<${name}>`);
  expect([answer.status, text.trim()]).toEqual([status, method === "HEAD" ? "" : message]);
});

test("the refusals left nothing behind but what they were tried on", async () => {
  const names = (await daemon().dhow("ps", "-a", "--format", "{{.Names}}")).stdout.trim().split("\n").sort();
  await daemon().dhow("rm", "-f", ...names);
  await daemon().dhow("volume", "rm", "-f", "errused");
  expect(names).toEqual(["err-created", "err-run"]);
});
