/** Builds where the storage driver copies what others lay over each other. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ flags: ["--storage-driver=vfs"] });
const root = mkdtempSync(join(tmpdir(), "dhow-vfs-"));
afterAll(() => rmSync(root, { recursive: true }));

test("stages, removals and every kind of mount come to the same files", async () => {
  writeFileSync(join(root, "f"), "hi\n");
  writeFileSync(
    join(root, "Dockerfile"),
    `FROM busybox AS one
RUN echo a > /a && rm /etc/group
WORKDIR /w
FROM busybox
COPY --from=one /a /home /x/
COPY f /f
RUN --mount=target=/ctx,rw --mount=from=one,target=/o,rw --mount=from=one,target=/r --mount=type=cache,target=/c \
  echo changed > /ctx/f && echo z > /o/a && touch /c/x && cat /ctx/f /o/a /r/a > /out
RUN rm /f
`,
  );
  await daemon().must("build", "-q", "-t", "built", root);
  expect(await daemon().must("run", "--rm", "built", "cat", "/out", "/x/a")).toBe("changed\nz\na\na\n");
  expect(await daemon().must("run", "--rm", "built", "ls", "/x")).toBe("a\napp\n");
  expect((await daemon().dhow("run", "--rm", "built", "ls", "/f")).code).not.toBe(0);
  expect((await daemon().dhow("build", "--progress=plain", root)).stderr.match(/CACHED/g)?.length).toBeGreaterThan(5);
  await daemon().must("rmi", "built");
  await daemon().must("builder", "prune", "-af");
});
