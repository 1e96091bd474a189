import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { tarOf } from "../../test/fixtures/tar-builder.ts";
import { until } from "../../test/harness/command.ts";
import { background } from "../lib/operation.ts";
import { LayerStore } from "../snapshots/layer-store.ts";
import { streamHelper } from "./helper-process.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-helper-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Our children, those that are dead but not yet waited for too, without the one that empties a trash. */
function helpers(): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const [, parent] = /^.*\) . (\d+) /.exec(readFileSync(`/proc/${Number(pid)}/stat`, "utf8")) ?? [];
      if (Number(parent) !== process.pid) return false;
      return !readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("empty-trash");
    } catch {
      return false;
    }
  });
}

test("streamHelper() ends the helper when its output is destroyed, read or unread", async () => {
  const root = join(dir, "tree");
  mkdirSync(root);
  writeFileSync(join(root, "big"), Buffer.alloc(8 << 20, 1));
  for (const read of [false, true]) {
    const output = streamHelper("pack-tree", { root, whiteouts: false });
    expect(helpers().length).toBe(1);
    if (read) for await (const _chunk of output) break;
    else output.destroy();
    await until("the helper to end", () => helpers().length === 0);
  }
});

test("applyLayer() that is aborted leaves nothing behind and its parent free", async () => {
  const store = new LayerStore(join(dir, "store"));
  const id = (char: string) => `sha256:${char.repeat(64)}`;
  const base = tarOf({ path: "base", type: "file", data: "base" });
  const diffId = `sha256:${new Bun.CryptoHasher("sha256").update(base).digest("hex")}`;
  await store.apply({ chainId: diffId, parent: null, diffId }, Readable.from([base]), background());
  const files = Array.from({ length: 20_000 }, (_, i) => ({
    path: `d${i % 100}/f${i}`,
    type: "file" as const,
    data: "x",
  }));
  const archive = join(dir, "many.tar");
  writeFileSync(archive, tarOf(...files));
  for (const wait of [200, 300, 400, 500]) {
    const abort = new AbortController();
    const request = { chainId: id("a"), parent: diffId, diffId: id("b") };
    const applying = store.apply(request, archive, { ...background(), signal: abort.signal });
    setTimeout(() => abort.abort(), wait);
    await expect(applying).rejects.toThrow();
    expect(helpers()).toEqual([]);
    expect(readdirSync(join(dir, "store/tmp"))).toEqual([]);
  }
  store.remove(diffId);
  expect(store.has(diffId)).toBe(false);
});
