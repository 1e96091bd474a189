/** Outputs of `POST /build`: pushes, indexes, one layer, equal digests of equal input, caches by name. Others: builder-outputs.test.ts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Member, tarOf } from "../fixtures/tar-builder.ts";
import { slowness } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-outputs-"));
let registry: OwnRegistry | undefined;
beforeAll(async () => {
  registry = await startOwnRegistry();
}, 60_000 * slowness);
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

interface Line {
  readonly stream?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

/** Builds by the API; what it answered, line by line. */
async function post(
  target: TestDaemon,
  dockerfile: string,
  query: Readonly<Record<string, string | object>>,
  files: readonly Member[] = [],
): Promise<Line[]> {
  const fields = Object.entries(query).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const body = tarOf({ path: "Dockerfile", type: "file", data: dockerfile }, ...files);
  const answer = await fetch(`http://d/build?${new URLSearchParams(fields)}`, {
    unix: target.socket,
    method: "POST",
    body,
  });
  return (await answer.text())
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Line);
}

const idOf = (lines: readonly Line[]): string => {
  const id = lines.find(({ aux }) => aux?.ID)?.aux?.ID;
  if (!id) throw new Error(JSON.stringify(lines));
  return id;
};
const said = (lines: readonly Line[]): string => lines.map(({ stream = "", error = "" }) => stream + error).join("");
const inspect = async (name: string, format: string): Promise<string> =>
  (await daemon().must("image", "inspect", "-f", format, name)).trim();

test("an image is pushed packed, is found by its digest, and pulled and run from there", async () => {
  const name = `${registry!.host}/pushed:1`;
  const outputs = [{ Type: "image", Attrs: { push: "true", compression: "zstd", "annotation.who": "me" } }];
  const id = idOf(await post(daemon(), "FROM busybox\nRUN echo there > /f\n", { t: name, outputs }));
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const answer = await fetch(`http://${registry!.host}/v2/pushed/manifests/1`, { headers: { accept } });
  const manifest = (await answer.json()) as { annotations: object; layers: { mediaType: string }[] };
  expect(manifest.annotations).toEqual({ who: "me" });
  expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual(
    Array(2).fill("application/vnd.oci.image.layer.v1.tar+zstd"),
  );
  expect(await inspect(name, "{{index .RepoDigests 0}}")).toBe(
    `${registry!.host}/pushed@${answer.headers.get("docker-content-digest")}`,
  );
  await daemon().must("rmi", name);
  expect(await daemon().must("run", "--rm", name, "cat", "/f")).toBe("there\n");
  expect(await inspect(name, "{{.Id}}")).toBe(id);
});

test("an index of two platforms is one image here, is pushed whole, saved and loaded, and leaves nothing when it goes", async () => {
  const name = `${registry!.host}/multi:1`;
  const files: Member[] = ["amd64", "arm64"].map((path) => ({ path, type: "file", data: path }));
  const query = { t: name, platform: "linux/amd64,linux/arm64" };
  await post(daemon(), "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n", query, files);
  const digest = await inspect(name, "{{.Descriptor.digest}}");
  expect(await daemon().must("image", "ls", "-q", name)).toMatch(/^[0-9a-f]{12}\n$/);
  await daemon().must("push", name);
  const accept = "application/vnd.oci.image.index.v1+json";
  const answer = await fetch(`http://${registry!.host}/v2/multi/manifests/1`, { headers: { accept } });
  expect(answer.headers.get("docker-content-digest")).toBe(digest);
  const { manifests } = (await answer.json()) as {
    manifests: { digest: string; platform: { architecture: string } }[];
  };
  expect(manifests.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
  for (const one of manifests) {
    const child = await fetch(`http://${registry!.host}/v2/multi/manifests/${one.digest}`);
    expect(child.status).toBe(200);
  }
  const archive = join(root, "multi.tar");
  await daemon().must("save", "-o", archive, name);
  await daemon().must("rmi", name);
  await daemon().must("load", "-i", archive);
  expect(await inspect(name, "{{.Descriptor.digest}}")).toBe(digest);
});

test("a RUN for a platform that nothing here runs is refused with what helps; copying and the host's own stages are not", async () => {
  const foreign = await post(daemon(), 'FROM scratch\nCOPY f /f\nRUN ["/f"]\n', { platform: "linux/s390x" }, [
    { path: "f", type: "file", data: "" },
  ]);
  expect(said(foreign)).toMatch(/cannot run programs of linux\/s390x .* install qemu-user-static/);
  const cross =
    "FROM --platform=$BUILDPLATFORM busybox AS make\nARG TARGETARCH\nRUN echo for $TARGETARCH > /made\nFROM scratch\nCOPY --from=make /made /made\n";
  const id = idOf(await post(daemon(), cross, { platform: "linux/s390x" }));
  expect(await inspect(id, "{{.Architecture}}")).toBe("s390x");
});

test("--squash leaves one layer above the base", async () => {
  const dockerfile = "FROM busybox\nRUN echo a > /a; echo b > /b\nRUN rm /b; echo c > /c\nENV X=1\n";
  await post(daemon(), dockerfile, { t: "squashed", squash: "1" });
  expect(await inspect("squashed", "{{len .RootFS.Layers}}")).toBe("2");
  const shown = await daemon().must("run", "--rm", "squashed", "sh", "-c", "cat /a /c; ls /b; echo $X; true");
  expect(shown).toContain("a\nc\n1\n");
});

test(
  "equal input and SOURCE_DATE_EPOCH give an equal image on another daemon, with rewrite-timestamp=true",
  async () => {
    const other = await TestDaemon.start({});
    try {
      const imported = join(root, "busybox.tar");
      await daemon().must("save", "-o", imported, "busybox");
      await other.must("load", "-i", imported);
      const dockerfile =
        "FROM busybox\nRUN mkdir /d && date +%N > /dev/null && echo x > /d/x && ln /d/x /d/y\nCOPY f /f\n";
      const query = {
        t: "same",
        buildargs: { SOURCE_DATE_EPOCH: "1700000000" },
        outputs: [{ Type: "image", Attrs: { "rewrite-timestamp": "true" } }],
      };
      const digests: string[] = [];
      for (const [target, mtime] of [
        [daemon(), 1_800_000_000],
        [other, 1_900_000_000],
      ] as const) {
        await post(target, dockerfile, query, [{ path: "f", type: "file", data: "f", mtime: { sec: mtime, nsec: 0 } }]);
        digests.push(
          await target.must("image", "inspect", "-f", "{{.Id}} {{.Descriptor.digest}} {{.Created}}", "same"),
        );
        await Bun.sleep(1100); // the times of what is written must differ by more than what a tar tells
      }
      expect(digests[1]).toBe(digests[0]!);
      expect(digests[0]).toContain("2023-11-14T22:13:20");
    } finally {
      await other[Symbol.asyncDispose]();
    }
  },
  120_000 * slowness,
);

test("cachefrom takes the cache that a pushed image has in it", async () => {
  const name = `${registry!.host}/cached:1`;
  const dockerfile = "FROM busybox\nRUN date +%s%N > /when\n";
  const outputs = [{ Type: "registry", Attrs: {} }];
  const first = idOf(await post(daemon(), dockerfile, { t: name, outputs, buildargs: { BUILDKIT_INLINE_CACHE: "1" } }));
  const when = await daemon().must("run", "--rm", first, "cat", "/when");
  await daemon().must("rmi", name);
  await daemon().must("builder", "prune", "-af");
  const lines = await post(daemon(), dockerfile, { t: "again", cachefrom: [name, `${registry!.host}/none`] });
  expect(said(lines)).toContain("CACHED");
  expect(said(lines)).toContain(`cache registry ${registry!.host}/none is not imported`);
  expect(await daemon().must("run", "--rm", "again", "cat", "/when")).toBe(when);
});

test("an output that has nowhere to go is refused by its name", async () => {
  const lines = await post(daemon(), "FROM busybox\n", { outputs: [{ Type: "tar", Attrs: {} }] });
  expect(JSON.stringify(lines)).toContain("needs a client that takes what is built");
});
