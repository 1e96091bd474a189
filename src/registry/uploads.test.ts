import { expect, test } from "bun:test";
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
