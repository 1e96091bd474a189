import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostTls } from "./host-certificates.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "dhow-certs-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function directory(name: string, files: Record<string, string>): string {
  const base = join(root, name);
  mkdirSync(join(base, "r.test:5000"), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(base, "r.test:5000", file), text);
  return base;
}

test("hostTls() trusts the directory's authorities besides the system's, and shows its certificate", () => {
  const base = directory("both", { "a.crt": "A", "b.crt": "B", "me.cert": "C", "me.key": "K", README: "x" });
  const { ca, cert, key } = hostTls("r.test:5000", [join(root, "none"), base]);
  expect([ca?.slice(-2), cert, key]).toEqual([["A", "B"], "C", "K"]);
  expect(ca?.length).toBeGreaterThan(50);
  expect(hostTls("other.test:5000", [base])).toEqual({});
  expect(hostTls("r.test", [base])).toEqual({});
});

test("hostTls() takes the first directory that has the host, and names what is half", () => {
  const first = directory("first", { "a.crt": "1" });
  const second = directory("second", { "a.crt": "2" });
  expect(hostTls("r.test:5000", [first, second]).ca?.at(-1)).toBe("1");
  expect(() => hostTls("r.test:5000", [directory("cert", { "me.cert": "C" })])).toThrow(
    "missing key me.key for client certificate me.cert. CA certificates must use the extension .crt",
  );
  expect(() => hostTls("r.test:5000", [directory("key", { "me.key": "K" })])).toThrow(
    "missing client certificate me.cert for key me.key",
  );
  expect(readFileSync(join(first, "r.test:5000", "a.crt"), "utf8")).toBe("1");
});
