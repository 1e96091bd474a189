import { expect, test } from "bun:test";
import { bytesOfText, shownText, textOfBytes } from "./byte-text.ts";

test.each([
  Buffer.from("plain/ä/日本"),
  Buffer.of(0xff, 0x2f, 0xc3),
  Buffer.of(0xc3, 0x28, 0xf0, 0x9f, 0x98, 0x80, 0x80),
  Buffer.of(0xed, 0xa0, 0x80), // a surrogate in UTF-8 is no UTF-8
  Buffer.of(0xef, 0xbb, 0xbf, 0x61),
])("bytesOfText() undoes textOfBytes(), also through JSON: %p", (bytes) => {
  const text = JSON.parse(JSON.stringify(textOfBytes(bytes))) as string;
  expect(bytesOfText(text).equals(bytes)).toBe(true);
});

test("shownText() leaves nothing that would steer a terminal or reorder a line", () => {
  expect(shownText("a\x1b[2Jb\n\u202ec\x9b")).toBe("a\\x1b[2Jb\\x0a\\u{202e}c\\x9b");
  expect(shownText(textOfBytes(Buffer.of(0x61, 0xff)))).toBe("a\\xff");
  expect(shownText("ä/日本 \\x")).toBe("ä/日本 \\x");
});
