import { expect, test } from "bun:test";
import { mountOf } from "./propagation.ts";

const table = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 8:2 / /mnt/a\\040b rw,relatime shared:7 - ext4 /dev/sdb rw
31 22 8:2 / /mnt rw,relatime master:3 - ext4 /dev/sdb rw
32 22 8:2 / /mnt/a rw,relatime shared:5 master:3 - ext4 /dev/sdb rw
`;

test.each([
  ["/etc", "/", false, false],
  ["/mnt", "/mnt", false, true],
  ["/mnt/a/x", "/mnt/a", true, true],
  ["/mnt/ab", "/mnt", false, true],
  ["/mnt/a b/x", "/mnt/a b", true, false],
])("mountOf() finds the mount of %p", (path, point, shared, slave) => {
  expect(mountOf(path, table)).toEqual({ point, peers: { shared, slave } });
});
