/** Archives at random, by a seed: what is written is read back, and what is spoilt is refused or read, and never breaks the reader. */
import { expect, test } from "bun:test";
import { type Random, seeded } from "../../../test/fixtures/seeded.ts";
import { entriesOf, type Member, tarOf } from "../../../test/fixtures/tar-builder.ts";
import { workMs } from "../../../test/harness/work.ts";
import { isKind } from "../errors.ts";
import type { TarEntryType } from "./entry.ts";
import { writeChecksum } from "./writer.ts";

const types: readonly TarEntryType[] = ["file", "hardlink", "symlink", "char", "block", "directory", "fifo"];

function member(random: Random, i: number): Member {
  const type = random.pick(types);
  const name = Buffer.from(random.bytes(random.upTo(300)).map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte)));
  const path = Buffer.concat([Buffer.from(`${i}`), name]);
  return {
    type,
    path,
    ...(type === "file" ? { data: Buffer.from(random.bytes(random.upTo(3000))) } : {}),
    ...(type.endsWith("link") ? { linkPath: "l".repeat(1 + random.upTo(300)) } : {}),
    mode: random.upTo(0o7777),
    uid: random.upTo(0xfffffffe),
    gid: random.upTo(0xfffffffe),
    mtime: { sec: random.upTo(2 ** 40) - 2 ** 35, nsec: random.upTo(999_999_999) },
    devMajor: type === "char" || type === "block" ? random.upTo(4095) : 0,
    devMinor: type === "char" || type === "block" ? random.upTo(0o777777) : 0,
  };
}

/** Where and how a seed's archive is spoilt. */
function spoil(random: Random, tar: Buffer): Buffer {
  const bytes = Buffer.from(tar);
  for (let i = random.upTo(3); i >= 0; i--) {
    const at = random.upTo(bytes.length - 1);
    const how = random.upTo(3);
    if (how === 0) bytes[at] = random.upTo(255);
    else if (how === 1)
      bytes.fill(random.pick([0, 0x20, 0x37, 0xff]), at, Math.min(bytes.length, at + random.upTo(12)));
    else if (how === 2) return bytes.subarray(0, at);
    else bytes.copyWithin(at, random.upTo(bytes.length - 1), bytes.length);
  }
  // A checksum that fits lets the reader come to the rest.
  if (random.upTo(1) === 0 && bytes.length >= 512) writeChecksum(bytes.subarray(0, 512));
  return bytes;
}

test("hardening 15: TarReader gives back any archive that tarHeader() writes, in pieces of any size", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const members = Array.from({ length: 1 + random.upTo(5) }, (_, i) => member(random, i));
    const found = entriesOf(tarOf(...members), 1 + random.upTo(2000));
    for (const { path, type, data, mode, uid, gid, mtime, devMajor, devMinor } of members) {
      // A directory's name ends in a slash in an archive.
      const key = (path as Buffer).toString("latin1") + (type === "directory" ? "/" : "");
      const read = found.get(key);
      expect([seed, read?.entry]).toMatchObject([seed, { type, mode, uid, gid, mtime, devMajor, devMinor }]);
      expect(read?.data.equals(Buffer.from(data ?? ""))).toBe(true);
    }
  }
});

test("hardening 15: TarReader refuses or reads any archive that was spoilt, in a bounded time", () => {
  let refused = 0;
  const begun = workMs();
  for (let seed = 1; seed <= 3000; seed++) {
    const random = seeded(seed);
    const tar = spoil(random, tarOf(...Array.from({ length: 1 + random.upTo(2) }, (_, i) => member(random, i))));
    try {
      entriesOf(tar, 1 + random.upTo(2000));
    } catch (error) {
      expect([seed, isKind(error, "invalidArgument") ? "refused" : error]).toEqual([seed, "refused"]);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
  expect(workMs() - begun).toBeLessThan(20_000);
});
