import { expect, test } from "bun:test";
import { configuredHeaders } from "./cli.ts";

test("configuredHeaders() leaves framing to us, and refuses what would break it", () => {
  expect(configuredHeaders({})).toEqual({});
  expect(configuredHeaders({ HttpHeaders: { "X-A": "b", "Content-Length": "7", Host: "x" } })).toEqual({ "X-A": "b" });
  expect(() => configuredHeaders({ HttpHeaders: { "A B": "x" } })).toThrow('net/http: invalid header field name "A B"');
  expect(() => configuredHeaders({ HttpHeaders: { A: "b\r\nC: d" } })).toThrow(
    'net/http: invalid header field value for "A"',
  );
});
