import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { background } from "../../lib/operation.ts";
import { HttpSources } from "../sources/http-sources.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-http-"));
afterAll(() => rmSync(root, { recursive: true }));

const asked: string[] = [];
let body = "first";
let etag: string | null = '"1"';
const modified = "Wed, 21 Oct 2015 07:28:00 GMT";
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch({ headers }): Response {
    asked.push(headers.get("if-none-match") ?? headers.get("if-modified-since") ?? "");
    const own: Record<string, string> = { "last-modified": modified, ...(etag === null ? {} : { etag }) };
    const isSame =
      etag === null ? headers.get("if-modified-since") === modified : headers.get("if-none-match") === etag;
    return isSame ? new Response(null, { status: 304 }) : new Response(body, { headers: own });
  },
});
afterAll(() => server.stop(true));
const url = `http://127.0.0.1:${server.port}/f`;
const sources = new HttpSources(join(root, "kept"), (path) => rmSync(path, { recursive: true }));
let count = 0;

async function fetched(more: { url?: string; checksum?: string } = {}): Promise<string> {
  const directory = mkdtempSync(join(root, `d${count++}-`));
  await sources.fetch({ url, credentials: null, fileName: "f", checksum: null, ...more }, directory, background());
  const { mode, mtimeMs } = statSync(join(directory, "f"));
  return `${readFileSync(join(directory, "f"), "utf8")} ${(mode & 0o777).toString(8)} ${mtimeMs / 1000}`;
}

test("HttpSources asks with what the server said of a kept file, and takes that where it is still right", async () => {
  expect(await fetched()).toBe("first 600 1445412480");
  expect(await fetched()).toBe("first 600 1445412480");
  [body, etag] = ["second", '"2"'];
  expect(await fetched()).toBe("second 600 1445412480");
  etag = null;
  expect(await fetched({ url: `${url}2` })).toStartWith("second");
  expect(await fetched({ url: `${url}2` })).toStartWith("second");
  expect(asked).toEqual(["", '"1"', '"1"', "", modified]);
});

test("HttpSources holds a kept file against the checksum too, and forgets what is removed", async () => {
  etag = '"3"';
  await fetched();
  const wrong = `sha256:${"0".repeat(64)}`;
  await expect(fetched({ checksum: wrong })).rejects.toThrow(/^digest mismatch sha256:[0-9a-f]{64}: sha256:0{64}$/);
  const listed = await sources.list();
  expect(listed.map(({ size, inUse }) => [size, inUse])).toEqual([
    [6, false],
    [6, false],
  ]);
  for (const { id } of listed) expect(sources.remove(id)).toBe(true);
  expect(await sources.list()).toEqual([]);
  expect(await fetched()).toStartWith("second");
});

test("fetchFile() follows from https to http, as BuildKit does, without credentials", async () => {
  const [key, cert] = [join(root, "key"), join(root, "cert")];
  Bun.spawnSync([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    "/CN=localhost",
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  const seen: (string | null)[] = [];
  const plain = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ headers }) => {
      seen.push(headers.get("authorization"));
      return new Response("plain");
    },
  });
  const secure = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { key: Bun.file(key), cert: Bun.file(cert) },
    fetch: () => Response.redirect(`http://127.0.0.1:${plain.port}/f`, 302),
  });
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  try {
    const directory = mkdtempSync(join(root, "s-"));
    const file = {
      url: `https://127.0.0.1:${secure.port}/f`,
      credentials: { user: "me", password: "x" },
      fileName: "f",
      checksum: null,
    };
    await sources.fetch(file, directory, background());
    expect(readFileSync(join(directory, "f"), "utf8")).toBe("plain");
    expect(seen).toEqual([null]);
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    secure.stop(true);
    plain.stop(true);
  }
});
