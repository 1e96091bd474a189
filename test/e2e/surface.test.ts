/** docs/reference/compatibility.md says what the binary does: each endpoint is asked, each command that is refused is tried. */
import { expect, test } from "bun:test";
import { commandRows, endpointRows, refusedCommandFlags } from "../../scripts/surface/surface.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

/** What an endpoint needs to answer at once. */
const queries: Readonly<Record<string, string>> = {
  "GET /events": "?until=1",
  "GET /images/search": "?term=busybox",
  "POST /images/create": "?fromSrc=-",
};
const bodies: Readonly<Record<string, unknown>> = {
  "POST /images/load": "",
  "POST /images/create": "",
  "POST /build": "",
};

test.each(endpointRows())("$name: $status", async ({ name, status, note }) => {
  const [method = "", path = ""] = name.split(" ");
  // dockerd looks for the container first, and so do we.
  const needsContainer = path.endsWith("/attach/ws");
  if (needsContainer) await daemon().must("create", "--name", "present", "busybox", "true");
  const target = `${path.replace(/\{[^}]*\}/g, needsContainer ? "present" : "absent")}${queries[name] ?? ""}`;
  const hasBody = method === "POST" || method === "PUT";
  const answer = await daemon().api<{ message?: string }>(method, target, hasBody ? (bodies[name] ?? {}) : undefined);
  if (needsContainer) await daemon().must("rm", "present");
  const message = answer.body?.message ?? "";
  if (status === "works") {
    expect(answer.status).not.toBe(501);
    expect(message).not.toMatch(/not supported by this engine|page not found/);
    if (note.startsWith("answers `")) expect(`answers \`${JSON.stringify(answer.body)}\``).toBe(note);
  } else if (note.startsWith("`page not found`")) {
    expect({ status: answer.status, message }).toEqual({ status: 404, message: "page not found" });
  } else {
    expect(message).toMatch(
      /not supported by this engine|experimental|not a swarm manager|not part of a swarm|plugin "absent"/,
    );
    expect([404, 501, 503]).toContain(answer.status);
  }
});

const unbuilt = (await commandRows()).filter(({ status }) => status !== "works");

test.each(unbuilt)("$name is refused by name", async ({ name }) => {
  const { code, stderr, stdout } = await daemon().dhow(...name.split(" "));
  const [first, second] = name.split(" ");
  const told = second === undefined ? first : `${first} ${second}`;
  expect({ code, stderr, stdout }).toEqual({
    code: 1,
    stderr: `dhow: dhow ${told} is not supported yet\n`,
    stdout: "",
  });
});

test.each(refusedCommandFlags)("$command --$flag is refused by name", async ({ args, says }) => {
  const { code, stderr } = await daemon().dhow(...args);
  expect(code).not.toBe(0);
  expect(stderr).toContain(says);
});
