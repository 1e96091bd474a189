import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { tarOf } from "../../test/fixtures/tar-builder.ts";
import { ContentStore } from "../content/content-store.ts";
import { runHelper } from "../helper/helper-process.ts";
import { mount, unmount } from "../linux/mount.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-receive-"));
mount("tmpfs", root, "tmpfs", 0, "size=32m");
afterAll(() => {
  unmount(root);
  rmSync(root, { recursive: true });
});

const bomb = gzipSync(tarOf({ path: "zeros", type: "file", data: Buffer.alloc(64 << 20) }), { level: 1 });

test.each(["receive-archive", "receive-layer"])(
  "hardening 13: %s stops a bomb before the disk is full",
  async (helper) => {
    const content = new ContentStore(root);
    const request = { contentRoot: root, session: content.session() };
    await expect(runHelper(helper, request, Readable.from([bomb]), undefined)).rejects.toThrow(
      "archive is larger than the space it may take: no space left on device",
    );
    content.dropSession(request.session);
    expect(readdirSync(join(root, "ingest"))).toEqual([]);
  },
);
