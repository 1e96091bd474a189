/**
 * The registry server against the OCI distribution specification 1.1, group by group as its conformance suite has them: pull, push,
 * content discovery, content management. Written from the specification: that suite is in Go, which our machines have not.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { until } from "../harness/command.ts";
import { freePort, type OwnRegistry, startOwnRegistry, startRegistry } from "../harness/own-registry.ts";
import { codeOf, digestOf, indexType, manifestType, RegistryCalls } from "../harness/registry-calls.ts";
import { type S3Server, startS3Server } from "../harness/s3-server.ts";

/** What a status says of a name. */
const verdict = (status: number): string => ([400, 404, 405].includes(status) ? "nowhere" : String(status));

describe.each(["files", "S3"] as const)("hardening 155: the specification on %s", (kind) => {
  let store: S3Server | undefined;
  let registry: OwnRegistry;
  let calls: RegistryCalls;
  beforeAll(async () => {
    store = kind === "S3" ? await startS3Server() : undefined;
    registry = await start();
    calls = new RegistryCalls(registry.host);
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
  });
  let started = 0;
  /** On S3 with a prefix of its own. */
  const start = (...flags: string[]) =>
    startOwnRegistry(...(store ? [...store.flags, "--s3-prefix", `own/${started++}`] : []), ...flags);
  const call: RegistryCalls["call"] = (...request) => calls.call(...request);
  const pushBlob: RegistryCalls["pushBlob"] = (...blob) => calls.pushBlob(...blob);
  const pushManifest: RegistryCalls["pushManifest"] = (...manifest) => calls.pushManifest(...manifest);

  test("the API's root answers", async () => {
    const response = await call("GET", "/v2/");
    expect([response.status, response.headers.get("docker-distribution-api-version")]).toEqual([200, "registry/2.0"]);
  });

  describe("pull", () => {
    test("hardening 146: blobs are there by GET and HEAD, and by nothing but their digest in their repository", async () => {
      const { digest } = await pushBlob("pull/one", "some bytes");
      const got = await call("GET", `/v2/pull/one/blobs/${digest}`);
      expect([got.status, await got.text(), got.headers.get("docker-content-digest")]).toEqual([
        200,
        "some bytes",
        digest,
      ]);
      const head = await call("HEAD", `/v2/pull/one/blobs/${digest}`);
      expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
      expect(await codeOf(await call("GET", `/v2/pull/one/blobs/${digestOf("other")}`))).toEqual([404, "BLOB_UNKNOWN"]);
      expect(await codeOf(await call("GET", "/v2/pull/one/blobs/sha256:totallywrong"))).toEqual([
        400,
        "DIGEST_INVALID",
      ]);
      expect((await call("HEAD", `/v2/pull/one/blobs/${digestOf("other")}`)).status).toBe(404);
      // A blob that another repository has is none of this one's.
      expect((await call("GET", `/v2/pull/two/blobs/${digest}`)).status).toBe(404);
    });

    test("hardening 144: a part of a blob is answered, and no more than one part", async () => {
      const { digest } = await pushBlob("pull/range", "0123456789");
      const range = async (value: string) => {
        const response = await call("GET", `/v2/pull/range/blobs/${digest}`, { headers: { range: value } });
        return [
          response.status,
          response.headers.get("content-range"),
          response.status === 206 ? await response.text() : "",
        ];
      };
      expect(await range("bytes=2-4")).toEqual([206, "bytes 2-4/10", "234"]);
      expect(await range("bytes=7-")).toEqual([206, "bytes 7-9/10", "789"]);
      expect(await range("bytes=-3")).toEqual([206, "bytes 7-9/10", "789"]);
      expect(await range("bytes=5-999999999999")).toEqual([206, "bytes 5-9/10", "56789"]);
      const many = Array.from({ length: 1000 }, () => "0-9").join(",");
      for (const bad of [
        "bytes=10-",
        "bytes=4-2",
        "bytes=-0",
        "bytes=-",
        `bytes=${"9".repeat(30)}-`,
        "bytes=0-1,2-3",
        `bytes=${many}`,
      ]) {
        expect([bad.slice(0, 20), (await range(bad))[0]]).toEqual([bad.slice(0, 20), 416]);
      }
      expect((await range("lines=1-2"))[0]).toBe(200);
    });

    test("what a client has already is not sent again", async () => {
      const { digest } = await pushManifest("pull/known", "v1");
      const status = async (path: string, known: string) =>
        (await call("GET", `/v2/pull/known/${path}`, { headers: { "if-none-match": known } })).status;
      const layer = digestOf("layer of pull/known");
      for (const [path, tag] of [
        ["manifests/v1", digest],
        [`manifests/${digest}`, digest],
        [`blobs/${layer}`, layer],
      ] as const) {
        for (const known of [`"${tag}"`, `W/"${tag}"`, `"x", "${tag}"`, "*"])
          expect([path, known, await status(path, known)]).toEqual([path, known, 304]);
        for (const other of [`"${digestOf("other")}"`, tag, ""])
          expect([path, other, await status(path, other)]).toEqual([path, other, 200]);
      }
      expect(await status("manifests/v2", "*")).toBe(404);
    });

    test("manifests are there by tag and by digest, byte for byte", async () => {
      const { digest, body } = await pushManifest("pull/manifests", "v1");
      for (const reference of ["v1", digest]) {
        const got = await call("GET", `/v2/pull/manifests/manifests/${reference}`);
        expect([got.status, await got.text()]).toEqual([200, body]);
        expect([got.headers.get("content-type"), got.headers.get("docker-content-digest")]).toEqual([
          manifestType,
          digest,
        ]);
        const head = await call("HEAD", `/v2/pull/manifests/manifests/${reference}`);
        expect([head.status, head.headers.get("content-length")]).toEqual([200, String(body.length)]);
      }
      expect(await codeOf(await call("GET", "/v2/pull/manifests/manifests/none"))).toEqual([404, "MANIFEST_UNKNOWN"]);
      expect((await call("HEAD", `/v2/nobody/manifests/${digest}`)).status).toBe(404);
    });
  });

  describe("push", () => {
    test("a blob in one POST, in POST and PUT, and as a stream", async () => {
      const digest = digestOf("monolith");
      const whole = await call("POST", `/v2/push/mono/blobs/uploads/?digest=${digest}`, { body: "monolith" });
      expect([whole.status, whole.headers.get("location")]).toEqual([201, `/v2/push/mono/blobs/${digest}`]);
      expect((await call("GET", `/v2/push/mono/blobs/${digest}`)).status).toBe(200);
      const begun = await call("POST", "/v2/push/mono/blobs/uploads/");
      expect([begun.status, begun.headers.get("range")]).toEqual([202, "0-0"]);
      const location = begun.headers.get("location") ?? "";
      expect((await call("PATCH", location, { body: "streamed" })).status).toBe(202);
      const put = await call("PUT", `${location}?digest=${digestOf("streamed")}`);
      expect(put.status).toBe(201);
      expect((await call("GET", location)).status).toBe(404);
    });

    test("hardening 143: chunks go on where the last one ended, also after a restart and a kill -9 of the registry", async () => {
      const bytes = Buffer.from("abcdefghijklmnopqrstuvwxyz");
      const location = (await call("POST", "/v2/push/chunks/blobs/uploads/")).headers.get("location") ?? "";
      const chunk = async (from: number, to: number) => {
        const headers = { "content-range": `${from}-${to - 1}`, "content-type": "application/octet-stream" };
        const response = await call("PATCH", location, { body: bytes.subarray(from, to), headers });
        return [response.status, response.headers.get("range")];
      };
      expect(await chunk(0, 10)).toEqual([202, "0-9"]);
      await registry.restart();
      const status = await call("GET", location);
      expect([status.status, status.headers.get("range")]).toEqual([204, "0-9"]);
      expect(await chunk(10, 20)).toEqual([202, "0-19"]);
      await registry.kill9();
      await registry.start();
      for (const [from, to] of [
        [0, 10],
        [15, 26],
        [21, 26],
      ] as const) {
        expect([from, ...(await chunk(from, to))]).toEqual([from, 416, "0-19"]);
      }
      const reversed = await call("PATCH", location, { body: "xyz", headers: { "content-range": "22-20" } });
      expect(reversed.status).toBe(416);
      const unequal = await call("PATCH", location, { body: "xyz", headers: { "content-range": "20-30" } });
      expect(unequal.status).toBe(400);
      const last = { body: bytes.subarray(20), headers: { "content-range": "20-25" } };
      const put = await call("PUT", `${location}?digest=${digestOf(bytes)}`, last);
      expect(put.status).toBe(201);
      expect(await (await call("GET", put.headers.get("location") ?? "")).text()).toBe(bytes.toString());
      expect((await call("PUT", `${location}?digest=${digestOf(bytes)}`)).status).toBe(404);
    });

    test("hardening 143: of requests that write to one upload at once one wins, and the blob is whole", async () => {
      const location = (await call("POST", "/v2/push/race/blobs/uploads/")).headers.get("location") ?? "";
      const bytes = Buffer.alloc(4 << 20, "r");
      const all = await Promise.all(
        Array.from({ length: 6 }, () =>
          call("PATCH", location, { body: bytes, headers: { "content-range": `0-${bytes.length - 1}` } }),
        ),
      );
      const statuses = all.map(({ status }) => status);
      expect(statuses.filter((status) => status === 202)).toHaveLength(1);
      expect(new Set(statuses)).toEqual(
        new Set(statuses.includes(416) ? [202, 400, 416] : [202, 400]).intersection(new Set(statuses)),
      );
      expect((await call("PUT", `${location}?digest=${digestOf(bytes)}`)).status).toBe(201);
    });

    test("hardening 145: what is not its digest is refused and forgotten", async () => {
      const location = (await call("POST", "/v2/push/wrong/blobs/uploads/")).headers.get("location") ?? "";
      const put = await call("PUT", `${location}?digest=${digestOf("right")}`, { body: "wrong" });
      expect(await codeOf(put)).toEqual([400, "DIGEST_INVALID"]);
      expect((await call("GET", location)).status).toBe(404);
      expect((await call("HEAD", `/v2/push/wrong/blobs/${digestOf("right")}`)).status).toBe(404);
      const { body } = await pushManifest("push/wrong", "v1");
      const other = await call("PUT", `/v2/push/wrong/manifests/${digestOf("else")}`, { body });
      expect(await codeOf(other)).toEqual([400, "DIGEST_INVALID"]);
      const missing = await call("PUT", "/v2/push/wrong/manifests/v2", {
        body: body.replace(digestOf("layer of push/wrong"), digestOf("nothing")),
        headers: { "content-type": manifestType },
      });
      expect(await codeOf(missing)).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
      for (const bad of [
        "",
        "{",
        "[]",
        "null",
        '{"schemaVersion":1}',
        '{"schemaVersion":2,"layers":[],"manifests":[]}',
      ]) {
        expect([bad, ...(await codeOf(await call("PUT", "/v2/push/wrong/manifests/v2", { body: bad })))]).toEqual([
          bad,
          400,
          "MANIFEST_INVALID",
        ]);
      }
      const large = await call("PUT", "/v2/push/wrong/manifests/v2", { body: " ".repeat((4 << 20) + 1) });
      expect(await codeOf(large)).toEqual([413, "SIZE_INVALID"]);
    });

    test("a blob is mounted from a repository that has it, else an upload begins", async () => {
      const { digest } = await pushBlob("push/source", "lent");
      const mounted = await call("POST", `/v2/push/borrower/blobs/uploads/?mount=${digest}&from=push/source`);
      expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `/v2/push/borrower/blobs/${digest}`]);
      expect(await (await call("GET", `/v2/push/borrower/blobs/${digest}`)).text()).toBe("lent");
      for (const query of [
        `mount=${digest}&from=push/nobody`,
        `mount=${digestOf("?")}&from=push/source`,
        `mount=${digest}`,
      ]) {
        expect((await call("POST", `/v2/push/third/blobs/uploads/?${query}`)).status).toBe(202);
      }
    });

    test("hardening 142: an upload is its repository's, and can be cancelled", async () => {
      const location = (await call("POST", "/v2/push/mine/blobs/uploads/")).headers.get("location") ?? "";
      const id = location.split("/").at(-1);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(await codeOf(await call("PATCH", `/v2/push/yours/blobs/uploads/${id}`, { body: "x" }))).toEqual([
        404,
        "BLOB_UPLOAD_UNKNOWN",
      ]);
      expect((await call("DELETE", location)).status).toBe(204);
      expect((await call("PATCH", location, { body: "x" })).status).toBe(404);
    });
  });

  describe("content discovery", () => {
    test("hardening 150: tags are listed in order and by pages", async () => {
      for (const tag of ["c", "a", "B", "b", "a.1"]) await pushManifest("list/tags", tag);
      const list = async (query = "") => {
        const response = await call("GET", `/v2/list/tags/tags/list${query}`);
        return [((await response.json()) as { tags: string[] }).tags, response.headers.get("link")] as const;
      };
      expect(await list()).toEqual([["B", "a", "a.1", "b", "c"], null]);
      expect(await list("?n=2")).toEqual([["B", "a"], '</v2/list/tags/tags/list?n=2&last=a>; rel="next"']);
      expect(await list("?n=2&last=a")).toEqual([["a.1", "b"], '</v2/list/tags/tags/list?n=2&last=b>; rel="next"']);
      expect(await list("?n=2&last=b")).toEqual([["c"], null]);
      expect(await list("?n=0")).toEqual([[], null]);
      expect((await list("?n=2147483647"))[0]).toHaveLength(5);
      for (const bad of ["-1", "x", "1e3", "9".repeat(40)]) {
        expect([bad, (await call("GET", `/v2/list/tags/tags/list?n=${bad}`)).status]).toEqual([bad, 400]);
      }
      expect(await codeOf(await call("GET", "/v2/nobody/here/tags/list"))).toEqual([404, "NAME_UNKNOWN"]);
    });

    test("hardening 150: repositories are listed by pages", async () => {
      for (const name of ["zoo/a", "zoo/a-b", "zoo/a/b", "zoo"]) await pushManifest(name, "v1");
      const seen: string[] = [];
      let path: string | undefined = "/v2/_catalog?n=3";
      while (path) {
        const response: Response = await call("GET", path);
        const { repositories } = (await response.json()) as { repositories: string[] };
        expect(repositories.length).toBeLessThanOrEqual(3);
        seen.push(...repositories);
        path = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
      }
      for (const [n, status] of [
        ["0", 200],
        ["2147483648", 200],
        ["-1", 400],
        ["x", 400],
      ] as const)
        expect([n, (await call("GET", `/v2/_catalog?n=${n}`)).status]).toEqual([n, status]);
      for (const last of ["%00", "..%2f..", "%ff", "a".repeat(5000), "zoo/%F0%9F%98%80"])
        expect([last, (await call("GET", `/v2/_catalog?n=1&last=${last}`)).status]).toEqual([last, 200]);
      expect(seen.filter((name) => name.startsWith("zoo"))).toEqual(["zoo", "zoo/a", "zoo/a/b", "zoo/a-b"]);
      expect(new Set(seen).size).toBe(seen.length);
    });

    test("hardening 150: referrers of a subject are listed, by type, and before their subject is there", async () => {
      const name = "list/referrers";
      const subject = { mediaType: manifestType, digest: digestOf("not here yet"), size: 12 };
      const list = async (query = "") => {
        const response = await call("GET", `/v2/${name}/referrers/${subject.digest}${query}`);
        expect([response.status, response.headers.get("content-type")]).toEqual([200, indexType]);
        const { manifests } = (await response.json()) as { manifests: { digest: string; artifactType: string }[] };
        return { manifests, filters: response.headers.get("oci-filters-applied") };
      };
      expect((await list()).manifests).toEqual([]);
      const signature = await pushManifest(name, null, {
        subject,
        artifactType: "test/signature",
        annotations: { a: "b" },
      });
      const other = await pushManifest(name, null, { subject });
      const all = (await list()).manifests;
      expect(all.map(({ digest }) => digest).sort()).toEqual([signature.digest, other.digest].sort());
      expect(await list("?artifactType=test/signature")).toMatchObject({
        manifests: [{ digest: signature.digest, artifactType: "test/signature", annotations: { a: "b" } }],
        filters: "artifactType",
      });
      // A manifest without a type of its own has its config's.
      expect((await list("?artifactType=application/vnd.oci.image.config.v1%2Bjson")).manifests).toHaveLength(1);
      await call("DELETE", `/v2/${name}/manifests/${signature.digest}`);
      expect((await list()).manifests).toHaveLength(1);
      expect((await call("GET", `/v2/${name}/referrers/sha256:short`)).status).toBe(400);
    });
  });

  describe("content management", () => {
    test("tags, manifests and blobs are removed", async () => {
      const name = "manage/all";
      const { digest, body } = await pushManifest(name, "v1");
      await call("PUT", `/v2/${name}/manifests/v2`, { body, headers: { "content-type": manifestType } });
      expect((await call("DELETE", `/v2/${name}/manifests/v1`)).status).toBe(202);
      expect((await call("GET", `/v2/${name}/manifests/v1`)).status).toBe(404);
      expect((await call("GET", `/v2/${name}/manifests/${digest}`)).status).toBe(200);
      expect((await call("DELETE", `/v2/${name}/manifests/${digest}`)).status).toBe(202);
      for (const reference of ["v2", digest]) {
        expect((await call("GET", `/v2/${name}/manifests/${reference}`)).status).toBe(404);
        expect((await call("DELETE", `/v2/${name}/manifests/${reference}`)).status).toBe(404);
      }
      const layer = digestOf(`layer of ${name}`);
      expect((await call("DELETE", `/v2/${name}/blobs/${layer}`)).status).toBe(202);
      expect((await call("GET", `/v2/${name}/blobs/${layer}`)).status).toBe(404);
      expect(await codeOf(await call("DELETE", `/v2/${name}/blobs/${layer}`))).toEqual([404, "BLOB_UNKNOWN"]);
    });

    test("hardening 147: a registry that removes nothing refuses all three", async () => {
      const { digest } = await pushManifest("kept", "v1");
      await using keeping = await start("--no-delete");
      for (const path of ["manifests/v1", `manifests/${digest}`, `blobs/${digest}`]) {
        const response = await fetch(`http://${keeping.host}/v2/kept/${path}`, { method: "DELETE" });
        expect([path, ...(await codeOf(response))]).toEqual([path, 405, "UNSUPPORTED"]);
      }
    });
  });

  test("hardening 141: names that are none lead nowhere", async () => {
    const raw = async (path: string, method = "GET"): Promise<number> => {
      const { promise, resolve } = Promise.withResolvers<string>();
      let text = "";
      const [hostname = "", port = ""] = registry.host.split(":");
      const socket = await Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          data: (_, bytes) => {
            text += bytes.toString();
          },
          close: () => resolve(text),
        },
      });
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return Number((await promise).split(" ")[1]);
    };
    const digest = digestOf("x");
    for (const name of ["..", "a%2fb", "a//b", "A", "a_", "_uploads", "a/_uploads/b", "a%00b", "a".repeat(256)]) {
      for (const rest of [`blobs/${digest}`, "manifests/v1", "tags/list", `referrers/${digest}`]) {
        expect([name, rest, verdict(await raw(`/v2/${name}/${rest}`))]).toEqual([name, rest, "nowhere"]);
      }
      expect([name, verdict(await raw(`/v2/${name}/blobs/uploads/`, "POST"))]).toEqual([name, "nowhere"]);
    }
    // What a client or a proxy has resolved is the name that it means.
    expect(await raw("/v2/a/../list/tags/tags/list")).toBe(200);
    expect(await raw("/v2/a/../../v2/")).toBe(200);
    expect(await raw("/v2/a/%2e%2e/list/tags/tags/list")).toBe(200);
    expect(await raw("/v2/../etc/passwd")).toBe(405);
    for (const upload of ["..%2f..%2fx", "%2e%2e", "x", "../../x", `${crypto.randomUUID()}%00`]) {
      for (const method of ["GET", "PATCH", "DELETE"])
        expect([upload, verdict(await raw(`/v2/a/blobs/uploads/${upload}`, method))]).toEqual([upload, "nowhere"]);
    }
    for (const bad of ["sha256:../../../../x", `sha256:${"A".repeat(64)}`, `sha512:${"a".repeat(128)}`, "sha256%3a"]) {
      for (const rest of [`blobs/${bad}`, `manifests/${bad}`, `referrers/${bad}`])
        expect([rest, verdict(await raw(`/v2/a/${rest}`))]).toEqual([rest, "nowhere"]);
    }
    for (const tag of ["a".repeat(129), "-a", ".a", "a%2fb", "%2e%2e"]) {
      expect([tag, verdict(await raw(`/v2/a/manifests/${tag}`))]).toEqual([tag, "nowhere"]);
      const put = await call("PUT", `/v2/a/manifests/${tag}`, { body: "{}" });
      expect([tag, verdict(put.status)]).toEqual([tag, "nowhere"]);
    }
  });

  test("digests of another algorithm are refused by its name, before anything begins", async () => {
    const bytes = "sixty-four bytes of digest";
    const sha512 = `sha512:${new Bun.CryptoHasher("sha512").update(bytes).digest("hex")}`;
    const location = (await call("POST", "/v2/sha512/blobs/uploads/")).headers.get("location") ?? "";
    const refusals = [
      call("POST", `/v2/sha512/blobs/uploads/?digest=${sha512}`, { body: bytes }),
      call("POST", "/v2/sha512/blobs/uploads/?digest-algorithm=sha512"),
      call("PUT", `${location}?digest=${sha512}`, { body: bytes }),
      call("PUT", `/v2/sha512/manifests/${sha512}`, { body: "{}" }),
      call("GET", `/v2/sha512/blobs/${sha512}`),
    ];
    for (const answer of await Promise.all(refusals)) {
      const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] };
      expect([answer.status, errors[0]?.code]).toEqual([400, "DIGEST_INVALID"]);
      expect(errors[0]?.message).toContain("unsupported digest algorithm");
    }
    expect((await call("POST", "/v2/sha512/blobs/uploads/?digest-algorithm=sha256")).status).toBe(202);
  });

  test("users of an htpasswd file may do everything, others nothing", async () => {
    const file = `${registry.root}/users`;
    await Bun.write(file, `ada:${await Bun.password.hash("lovelace", { algorithm: "bcrypt", cost: 4 })}\n`);
    await using closed = await start("--htpasswd", file);
    const as = (credentials: string | null, path = "/v2/") =>
      fetch(`http://${closed.host}${path}`, {
        headers: credentials === null ? {} : { authorization: `Basic ${btoa(credentials)}` },
      });
    const anonymous = await as(null);
    expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringMatching(/^Basic realm=/),
    ]);
    expect((await as("ada:wrong")).status).toBe(401);
    expect((await as("nobody:lovelace")).status).toBe(401);
    expect((await as("ada:lovelace")).status).toBe(200);
    expect((await as(null, "/v2/_catalog")).status).toBe(401);
    // A changed file counts from the next request on.
    await Bun.write(file, "");
    expect((await as("ada:lovelace")).status).toBe(401);
  });

  test("metrics count answers by endpoint on an address of their own, and never by a client's words", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    await using measured = await start("--metrics-addr", address, "--gc-interval", "50ms");
    const ask = (path: string, method = "GET") => fetch(`http://${measured.host}${path}`, { method });
    await ask("/v2/some/box/manifests/v1");
    await ask("/v2/some/manifests/blobs/uploads/", "POST");
    await ask("/v2/some/box/tags/list");
    await ask("/v2/odd", "OPTIONS");
    const rounds = /dhow_registry_gc_rounds_total ([1-9]\d*)/;
    await until("a collection", async () => rounds.test(await (await fetch(`http://${address}/metrics`)).text()));
    const response = await fetch(`http://${address}/metrics`);
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    const text = await response.text();
    const counted = "dhow_registry_requests_total{method=";
    expect(text).toContain(`${counted}"GET",endpoint="manifests",code="404"} 1\n`);
    expect(text).toContain(`${counted}"POST",endpoint="blobs/uploads",code="202"} 1\n`);
    expect(text).toContain(`${counted}"GET",endpoint="tags",code="404"} 1\n`);
    expect(text).toContain(`${counted}"other",endpoint="other",code="405"} 1\n`);
    expect(text).toContain('dhow_registry_request_duration_seconds_count{endpoint="manifests"} 1\n');
    for (const line of text.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_]+(\{[^}]*\})? [\d.e+-]+$)/);
    expect((await fetch(`http://${address}/`)).status).toBe(404);
    expect((await ask("/metrics")).status).toBe(405);
  });
});

test("hardening 150: a hundred thousand tags are listed by pages, in order and in little memory", async () => {
  // In memory: making as many directories on a disk takes a minute.
  const root = mkdtempSync("/dev/shm/dhow-registry-");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(root, { recursive: true }));
  const registry = stack.use(await startRegistry({ root }));
  const calls = new RegistryCalls(registry.host);
  await calls.pushManifest("many", "t000000");
  const tags = Array.from({ length: 100_000 }, (_, at) => `t${String(at).padStart(6, "0")}`);
  for (const tag of tags.slice(1)) mkdirSync(`${root}/docker/registry/v2/repositories/many/_manifests/tags/${tag}`);
  const before = residentOf(registry.pid);
  const listed: string[] = [];
  for (let path = "/v2/many/tags/list?n=2147483647"; path !== ""; ) {
    const response = await calls.call("GET", path);
    const page = ((await response.json()) as { tags: string[] }).tags;
    expect(page.length).toBeLessThanOrEqual(10_000);
    listed.push(...page);
    path = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
  }
  expect(listed).toEqual(tags);
  expect(residentOf(registry.pid) - before).toBeLessThan(200 << 20);
}, 60_000);

/** Bytes. */
const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
