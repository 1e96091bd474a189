import { expect, test } from "bun:test";
import { parseMountinfo } from "./mountinfo.ts";

test("parseMountinfo() reads points, roots and options, with or without tags, and what is escaped", () => {
  const text = `36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
37 36 0:41 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/data\\040root/c\\054d,workdir=/w
`;
  expect(parseMountinfo(text)).toEqual([
    { id: "36", parent: "35", root: "/mnt1", point: "/mnt 2", type: "ext3", options: ["rw", "errors=continue"] },
    {
      ...{ id: "37", parent: "36", root: "/", point: "/", type: "overlay" },
      options: ["rw", "lowerdir=/a:/b", "upperdir=/data root/c,d", "workdir=/w"],
    },
  ]);
});
