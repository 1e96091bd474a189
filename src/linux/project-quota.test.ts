import { expect, test } from "bun:test";
import { decodeQuota, encodeQuota, joined } from "./project-quota.ts";

test("a limit as struct fs_disk_quota of <linux/dqblk_xfs.h>", () => {
  const quota = encodeQuota(0x01020304, 1 << 30);
  expect(quota.length).toBe(112);
  // Version 1, a project's, block limits only; the id; 2^21 blocks of 512 bytes, hard and soft; everything else zero.
  expect(quota.subarray(0, 24).toString("hex")).toBe("01020c0004030201" + "0000200000000000" + "0000200000000000");
  expect(quota.subarray(24).every((byte) => byte === 0)).toBe(true);
  expect(decodeQuota(encodeQuota(7, 1)).limit).toBe(512);
  expect(decodeQuota(encodeQuota(7, 5 * 2 ** 40))).toEqual({ limit: 5 * 2 ** 40, files: 0 });
});

test("the files of a project are at the offset of d_icount", () => {
  const quota = Buffer.alloc(112);
  quota.writeBigUInt64LE(3n, 48);
  expect(decodeQuota(quota)).toEqual({ limit: 0, files: 3 });
});

test("a directory joins a project as struct fsxattr says, and keeps its other flags", () => {
  const attributes = Buffer.alloc(28, 0);
  attributes.writeUInt32LE(0x80000008, 0);
  attributes.writeUInt32LE(4096, 4);
  expect(joined(attributes, 77).toString("hex")).toBe(
    `08020080${"00100000"}${"00000000"}${"4d000000"}${"00".repeat(12)}`,
  );
});
