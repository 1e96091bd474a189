/** Who may do what at `dhow registry serve`: passwords, rights by repository, tokens. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { succeed } from "../harness/command.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { digestOf, RegistryCalls } from "../harness/registry-calls.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dir = mkdtempSync(join(tmpdir(), "dhow-access-"));
const [users, rights] = [join(dir, "users"), join(dir, "rights")];

beforeAll(async () => {
  const hash = (password: string) => Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(users, `ada:${await hash("lovelace")}\nbob:${await hash("builder")}\n`);
  writeFileSync(rights, "ada  team/**  pull,push,delete\nbob  team/*  pull,create\n-  team/open  pull\n");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.each([
  ["passwords", []],
  ["tokens", ["--tokens"]],
] as const)("with %s", (kind, flags) => {
  let registry: OwnRegistry;
  beforeAll(async () => {
    registry = await startOwnRegistry("--htpasswd", users, "--rights", rights, ...flags);
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  /** The stock client, logged in as somebody; or as nobody. */
  async function as(user: string | null): Promise<(...args: string[]) => Promise<{ code: number; text: string }>> {
    const config = mkdtempSync(join(dir, "config-"));
    const docker = async (...args: string[]) => {
      const { code, stdout, stderr } = await daemon().docker("--config", config, ...args);
      return { code, text: stdout + stderr };
    };
    if (user) {
      const password = user === "ada" ? "lovelace" : "builder";
      expect((await docker("login", "-u", user, "-p", "wrong", registry.host)).code).toBe(1);
      expect(await docker("login", "-u", user, "-p", password, registry.host)).toMatchObject({ code: 0 });
    }
    return docker;
  }

  test("hardening 147: ada pushes, moves and is refused elsewhere; bob creates and moves nothing; nobody is asked who they are", async () => {
    const name = `${registry.host}/team/app`;
    const [ada, bob, nobody] = [await as("ada"), await as("bob"), await as(null)];
    await daemon().must("tag", "busybox", `${name}:1`);
    expect(await ada("push", `${name}:1`)).toMatchObject({ code: 0 });
    expect(await bob("pull", "-q", `${name}:1`)).toMatchObject({ code: 0 });
    // The same manifest may be put again, and under a new tag.
    await daemon().must("tag", "busybox", `${name}:2`);
    expect(await bob("push", `${name}:2`)).toMatchObject({ code: 0 });
    await daemon().must("create", "--name", `other-${kind}`, "busybox", "true");
    await daemon().must("commit", "-m", "another", `other-${kind}`, `${name}:1`);
    const moved = await bob("push", `${name}:1`);
    expect([moved.code, moved.text]).toEqual([1, expect.stringContaining("denied")]);
    expect(await ada("push", `${name}:1`)).toMatchObject({ code: 0 });
    const foreign = `${registry.host}/elsewhere/app:1`;
    await daemon().must("tag", "busybox", foreign);
    for (const docker of [ada, bob, nobody]) expect((await docker("push", foreign)).code).toBe(1);
    expect((await nobody("pull", `${name}:1`)).code).toBe(1);
    const open = `${registry.host}/team/open:1`;
    await daemon().must("tag", "busybox", open);
    expect(await ada("push", open)).toMatchObject({ code: 0 });
    // docker sends no anonymous request to a registry that asks for passwords; others do.
    if (kind === "tokens") expect(await nobody("pull", "-q", open)).toMatchObject({ code: 0 });
    else expect((await fetch(`http://${registry.host}/v2/team/open/manifests/1`)).status).toBe(200);
    await daemon().must("rm", `other-${kind}`);
  });

  test("skopeo copies between two repositories, lists tags and deletes", async () => {
    const flagsOf = (user: string) => [
      "--creds",
      user === "ada" ? "ada:lovelace" : "bob:builder",
      "--tls-verify=false",
    ];
    const [from, to] = ["app:2", "copy:1"].map((one) => `docker://${registry.host}/team/${one}`);
    await succeed([
      "skopeo",
      "copy",
      "-q",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      "--src-creds",
      "bob:builder",
      "--dest-creds",
      "ada:lovelace",
      from ?? "",
      to ?? "",
    ]);
    expect(
      JSON.parse(await succeed(["skopeo", "list-tags", ...flagsOf("bob"), `docker://${registry.host}/team/copy`])),
    ).toMatchObject({
      Tags: ["1"],
    });
    await expect(succeed(["skopeo", "delete", ...flagsOf("bob"), to ?? ""])).rejects.toThrow();
    await succeed(["skopeo", "delete", ...flagsOf("ada"), to ?? ""]);
  });
});

test("hardening 142: an upload is its user's, and so many at once", async () => {
  await using registry = await startOwnRegistry("--htpasswd", users, "--rights", rights, "--max-uploads", "2");
  const [ada, bob] = ["ada:lovelace", "bob:builder"].map((one) => new RegistryCalls(registry.host, one));
  const begin = async (calls?: RegistryCalls) => {
    const response = await calls?.call("POST", "/v2/team/app/blobs/uploads/");
    return [response?.status, response?.headers.get("location") ?? ""] as const;
  };
  const [, location] = await begin(ada);
  for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
    const init = method === "GET" || method === "DELETE" ? {} : { body: "x" };
    const query = method === "PUT" ? `?digest=${digestOf("x")}` : "";
    expect([method, (await bob?.call(method, location + query, init))?.status]).toEqual([method, 404]);
  }
  expect([(await begin(ada))[0], (await begin(ada))[0], (await begin(bob))[0]]).toEqual([202, 429, 202]);
  expect((await ada?.call("PUT", `${location}?digest=${digestOf("x")}`, { body: "x" }))?.status).toBe(201);
  expect((await begin(ada))[0]).toBe(202);
});

test("hardening 146: who may not read a repository is lent none of its blobs, and told of none", async () => {
  await using registry = await startOwnRegistry("--htpasswd", users, "--rights", rights);
  const [ada, bob] = ["ada:lovelace", "bob:builder"].map((one) => new RegistryCalls(registry.host, one));
  const digest = (await ada?.pushBlob("team/secret/box", "secret"))?.digest;
  const mount = async (calls: RegistryCalls | undefined, query: string) =>
    (await calls?.call("POST", `/v2/team/app/blobs/uploads/?mount=${digest}${query}`))?.status;
  expect([await mount(bob, "&from=team/secret/box"), await mount(bob, "")]).toEqual([202, 202]);
  expect((await bob?.call("HEAD", `/v2/team/app/blobs/${digest}`))?.status).toBe(404);
  expect((await bob?.call("HEAD", `/v2/team/secret/box/blobs/${digest}`))?.status).toBe(403);
  expect(await mount(ada, "&from=team/secret/box")).toBe(201);
  // It is this repository's now, and may be read by whoever may read that.
  expect((await bob?.call("HEAD", `/v2/team/app/blobs/${digest}`))?.status).toBe(200);
});

test("hardening 149: a token allows what its user may do now, for a service and a time", async () => {
  await using registry = await startOwnRegistry("--htpasswd", users, "--rights", rights, "--tokens");
  const origin = `http://${registry.host}`;
  const challenge = (await fetch(`${origin}/v2/team/app/tags/list`)).headers.get("www-authenticate") ?? "";
  expect(challenge).toContain(
    `Bearer realm="${origin}/token",service="dhow-registry",scope="repository:team/app:pull"`,
  );
  const basic = { authorization: `Basic ${btoa("bob:builder")}` };
  const tokenFor = async (scope: string, headers: Record<string, string> = basic) => {
    const response = await fetch(`${origin}/token?service=dhow-registry&scope=${scope}`, { headers });
    return [response.status, ((await response.json()) as { token?: string }).token ?? ""] as const;
  };
  const [status, token] = await tokenFor("repository:team/app:pull,push,delete");
  expect(status).toBe(200);
  const { access } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { access: unknown };
  expect(access).toEqual([{ type: "repository", name: "team/app", actions: ["pull", "create"] }]);
  expect((await tokenFor("repository:team/app:pull", { authorization: `Basic ${btoa("bob:no")}` }))[0]).toBe(401);
  const bearing = (one: string, path: string, method = "GET") =>
    fetch(`${origin}${path}`, { method, headers: { authorization: `Bearer ${one}` } }).then(
      (response) => response.status,
    );
  expect(await bearing(token, "/v2/team/app/blobs/uploads/", "POST")).toBe(202);
  expect(await bearing(token, "/v2/team/app/manifests/1", "DELETE")).toBe(401);
  expect(await bearing(token, "/v2/team/other/tags/list")).toBe(401);
  expect(await bearing(`${token}x`, "/v2/")).toBe(401);
  expect(await bearing(token, "/v2/")).toBe(200);
  // A right that is taken away is gone, whatever the token says.
  writeFileSync(rights, "ada team/** pull\n");
  expect(await bearing(token, "/v2/team/app/blobs/uploads/", "POST")).toBe(401);
});
