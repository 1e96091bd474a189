/** What is asked of registries without a pull: `search`, and the distribution endpoint. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { withDaemon } from "./fixture.ts";
import { startDockerRegistry } from "./registry-server.ts";

const daemon = withDaemon();
let registry: OwnRegistry;
beforeAll(async () => {
  registry = await startOwnRegistry();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

const repositories = [
  { name: "library/tool", description: "Made\nhere", star_count: 120, is_official: true, is_automated: false },
  { name: "someone/tool", description: null, star_count: 3, is_official: false, is_automated: true },
];

test.each(["dhow", "docker"] as const)("%s search asks the index that the term names", async (client) => {
  const asked: string[] = [];
  await using index = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const url = new URL(request.url);
      asked.push(`${url.pathname}${url.search}`);
      if (url.searchParams.get("q") === "broken") return new Response("<html>");
      if (url.searchParams.get("q") === "gone") return new Response("", { status: 405 });
      return Response.json({ num_results: 2, query: "tool", results: repositories });
    },
  });
  const search = (...args: string[]) => daemon().run(client, "search", ...args);
  const host = `127.0.0.1:${index.port}`;
  const row = "{{.Name}} {{.StarCount}} {{.IsOfficial}} {{.Description}}";
  expect((await search("--format", row, `${host}/tool`)).stdout).toBe(
    "library/tool 120 [OK] Made here\nsomeone/tool 3  \n",
  );
  expect(asked).toEqual(["/v1/search?q=tool&n=25"]);
  await search("--limit", "7", `${host}/tool`);
  expect(asked.at(-1)).toBe("/v1/search?q=tool&n=7");
  const named = async (...filters: string[]) =>
    (
      await search(...filters.flatMap((one) => ["--filter", one]), "--format", "{{.Name}}", `${host}/tool`)
    ).stdout.trim();
  expect(await named("is-official=true")).toBe("library/tool");
  expect(await named("is-official=false")).toBe("someone/tool");
  expect(await named("stars=100")).toBe("library/tool");
  expect(await named("stars=3", "is-automated=true")).toBe("someone/tool");
  const refused = async (...args: string[]) => (await search(...args)).stderr;
  expect(await refused("--filter", "x=y", `${host}/tool`)).toContain("invalid filter 'x'");
  expect(await refused("--limit", "101", `${host}/tool`)).toContain("limit 101 is outside the range of [1, 100]");
  expect(await refused(`${host}/gone`)).toContain("Unexpected status code 405");
  expect(await refused(`${host}/broken`)).toContain("what is no list of repositories");
  expect(await refused("https://a/b")).toContain("repository name (https://a/b) should not have a scheme");
});

test("the distribution endpoint tells an image's descriptor and platforms", async () => {
  const inspect = async (name: string) => {
    const { status, body } = await daemon().api<unknown>("GET", `/distribution/${name}/json`);
    return [status, body] as const;
  };
  const name = `${registry.host}/some/box`;
  await daemon().must("tag", "busybox", `${name}:1`);
  const pushed = await daemon().must("push", `${name}:1`);
  const [, digest, size] = /digest: (\S+) size: (\d+)/.exec(pushed) ?? [];
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const image = {
    Descriptor: { mediaType, digest, size: Number(size) },
    Platforms: [{ architecture: "amd64", os: "linux" }],
  };
  expect(await inspect(`${name}:1`)).toEqual([200, image]);
  expect(await inspect(`${name}@${digest}`)).toEqual([200, image]);
  const entry = (architecture: string) => ({
    mediaType,
    digest,
    size: Number(size),
    platform: { os: "linux", architecture },
  });
  const indexType = "application/vnd.oci.image.index.v1+json";
  const body = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry("amd64"), entry("arm64")] });
  const put = await fetch(`http://${registry.host}/v2/some/box/manifests/many`, {
    method: "PUT",
    body,
    headers: { "content-type": indexType },
  });
  expect(put.status).toBe(201);
  expect(await inspect(`${name}:many`)).toMatchObject([
    200,
    { Descriptor: { mediaType: indexType }, Platforms: [{ architecture: "amd64" }, { architecture: "arm64" }] },
  ]);
  expect(await inspect(`${name}:none`)).toMatchObject([404, { message: expect.stringContaining("manifest unknown") }]);
  expect((await inspect("127.0.0.1:1/x"))[0]).toBe(500);
  expect((await inspect("UPPER"))[0]).toBe(400);
});

test("any registry may have a mirror, and is asked itself when that has nothing", async () => {
  const name = "mirrored.test/some/box:1";
  await daemon().must("tag", "busybox", `${registry.host}/some/box:1`);
  await daemon().must("push", "-q", `${registry.host}/some/box:1`);
  const flags = [`--registry-mirror=mirrored.test=http://${registry.host}`];
  await using mirrored = await TestDaemon.start({ flags });
  expect(await mirrored.docker("pull", "-q", name)).toMatchObject({ code: 0, stdout: `${name}\n` });
  expect((await mirrored.docker("pull", "-q", "mirrored.test/some/box:2")).stderr).toContain("mirrored.test");
  const { body } = await mirrored.api<{ RegistryConfig: { Mirrors: string[]; IndexConfigs: Record<string, unknown> } }>(
    "GET",
    "/info",
  );
  expect(body.RegistryConfig.Mirrors).toEqual([]);
  expect(body.RegistryConfig.IndexConfigs["mirrored.test"]).toMatchObject({ Mirrors: [`http://${registry.host}`] });
});

test("docker pulls through a cache, also while the registry behind it is away", async () => {
  await using behind = await startDockerRegistry();
  await using cache = await startOwnRegistry("--proxy-remote-url", `http://${behind.host}`);
  await daemon().must("tag", "busybox", `${behind.host}/some/box:1`);
  await daemon().must("push", "-q", `${behind.host}/some/box:1`);
  const name = `${cache.host}/some/box:1`;
  for (const [client, isThere] of [
    ["docker", true],
    ["dhow", true],
    ["docker", false],
  ] as const) {
    if (!isThere) {
      await daemon().must("tag", "busybox", `${cache.host}/some/box:2`);
      expect((await daemon().docker("push", `${cache.host}/some/box:2`)).stderr).toContain("unsupported");
      await behind[Symbol.asyncDispose]();
    }
    await daemon().must("rmi", "-f", `${behind.host}/some/box:1`, name);
    expect([client, isThere, await daemon().run(client, "pull", "-q", name)]).toMatchObject([
      client,
      isThere,
      { code: 0, stdout: `${name}\n` },
    ]);
  }
  expect(cache.log).toContain("proxy: some/box:1 is answered as of ");
});
