import { expect, test } from "bun:test";
import { RegistryUnreachable } from "./refusal.ts";
import { RegistryUploads } from "./uploads.ts";

test("hardening 134: an upload that goes on at another address is shown no credentials there, whatever that asks for", async () => {
  const shown: (string | null)[] = [];
  const foreign = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      shown.push(request.headers.get("authorization"));
      return new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="give"' } });
    },
  });
  const home = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      request.headers.get("authorization") === null
        ? new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="home"' } })
        : new Response("", { status: 202, headers: { location: `${foreign.url.origin}/upload` } }),
  });
  const none = { auth: "", email: "", serveraddress: "", identitytoken: "", registrytoken: "" };
  const auth = { ...none, username: "ada", password: "secret" };
  try {
    const make = () => new RegistryUploads({ domain: home.url.host, insecure: [], auth }, "box");
    const { signal } = new AbortController();
    // Noted by an earlier push: nothing has been asked of the registry itself yet.
    expect(await make().status({ location: `${foreign.url.origin}/upload`, offset: 0 }, signal)).toBeNull();
    const uploads = make();
    const upload = await uploads.begin(signal);
    expect(upload.location).toBe(`${foreign.url.origin}/upload`);
    await expect(uploads.append(upload, new Blob(["x"]).stream(), signal)).rejects.toThrow("401");
    expect(shown.length).toBeGreaterThanOrEqual(2);
    expect(new Set(shown)).toEqual(new Set([null]));
  } finally {
    await Promise.all([home.stop(true), foreign.stop(true)]);
  }
});

test("RegistryUploads gives up an upload that began where a blob was to be lent, and one that is gone", async () => {
  const asked: string[] = [];
  let status = 204;
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url);
      asked.push(`${request.method} ${pathname}${search}`);
      if (request.method === "DELETE") return new Response(null, { status });
      return new Response("", { status: 202, headers: { location: "/v2/box/blobs/uploads/7" } });
    },
  });
  const uploads = new RegistryUploads({ domain: server.url.host, insecure: [], auth: undefined }, "box", ["lender"]);
  const { signal } = new AbortController();
  const blob = `sha256:${"a".repeat(64)}` as const;
  const upload = await uploads.mount(blob, "lender", signal);
  await uploads.cancel(upload ?? { location: "", offset: 0 }, signal);
  expect(asked.at(-1)).toBe("DELETE /v2/box/blobs/uploads/7");
  status = 404;
  await uploads.cancel(upload ?? { location: "", offset: 0 }, signal);
  status = 403;
  await expect(uploads.cancel(upload ?? { location: "", offset: 0 }, signal)).rejects.toThrow("denied");
});

test("RegistryUploads speaks to no registry over HTTP that is for HTTPS only", async () => {
  await using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
  const options = { domain: server.url.host, insecure: [], auth: undefined, httpsOnly: true };
  const begun = new RegistryUploads(options, "box").begin(new AbortController().signal);
  const error: unknown = await begun.catch((reason) => reason);
  expect(error).toBeInstanceOf(RegistryUnreachable);
  expect((error as RegistryUnreachable).speaksNoTls).toBe(true);
});
