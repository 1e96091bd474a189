import { expect, test } from "bun:test";
import type { Bridge } from "./bridges.ts";
import { NamespacePool } from "./namespace-pool.ts";
import type { Namespace } from "./namespaces.ts";

/** A pool of two with links, and what it made and dropped, in order: `l` has a link, `b` is bare. */
function pool() {
  const log: string[] = [];
  const made = new NamespacePool(
    2,
    (bridge) => {
      log.push(`+${bridge ? "l" : "b"}`);
      return { path: `${bridge ? "l" : "b"}${log.length}` } as Namespace;
    },
    ({ path }) => log.push(`-${path}`),
  );
  return { made, log };
}

const bridge = { index: 7, spec: { mtu: 1500, icc: true } } as Bridge;
const settled = () => Bun.sleep(60);

test("namespaces with a link and a bare one are ready before they are asked for, and again after", async () => {
  const { made, log } = pool();
  made.on(bridge);
  await settled();
  expect(log).toEqual(["+l", "+l", "+b"]);
  expect([made.take(false).path, made.take(true).path]).toEqual(["b3", "l1"]);
  await settled();
  expect(log).toEqual(["+l", "+l", "+b", "+l", "+b"]);
  made.end();
});

test("another bridge, or another MTU of its own, drops those with links; the end drops all and makes none", async () => {
  const { made, log } = pool();
  made.on(bridge);
  await settled();
  log.length = 0;
  made.on({ ...bridge, spec: { ...bridge.spec, mtu: 9000 } } as Bridge);
  expect(log).toEqual(["-l1", "-l2"]);
  await settled();
  expect(made.paths()).toHaveLength(3);
  made.end();
  expect(made.paths()).toEqual([]);
  await settled();
  expect(log.filter((line) => line.startsWith("+"))).toHaveLength(2);
});

test("without a bridge there are bare ones alone", async () => {
  const { made, log } = pool();
  made.take(false);
  await settled();
  expect(log).toEqual(["+b", "+b"]);
  made.end();
});
