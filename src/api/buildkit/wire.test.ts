import { expect, test } from "bun:test";
import { Control, SolveRequest, StatusResponse } from "./control.ts";
import { Packet } from "./files.ts";
import { LLBBridge } from "./gateway.ts";
import { Auth } from "./session.ts";
import { millisecondsOf, timestamp } from "./types.ts";

test("methods have BuildKit's paths", () => {
  expect(Control.Solve.path).toBe("/moby.buildkit.v1.Control/Solve");
  expect(LLBBridge.ResolveSourceMeta.path).toBe("/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta");
  expect(Auth.FetchToken.path).toBe("/moby.filesync.v1.Auth/FetchToken");
  expect(Control.Status.streams).toBe("response");
});

test("a stat packet is written as Go writes it", () => {
  // Packet{Type: PACKET_STAT, Stat: &Stat{Path: "a", Mode: 0644, Size: 3, ModTime: 1}}
  const bytes = Packet.encode({ type: 0, stat: { path: "a", mode: 0o644, size: 3, modTime: 1n } });
  expect(Buffer.from(bytes).toString("hex")).toBe("120a" + "0a0161" + "10a403" + "2803" + "3001");
});

test("a solve request keeps what it was given", () => {
  const request = {
    ref: "r",
    frontend: "dockerfile.v0",
    frontendAttrs: new Map([["filename", "Dockerfile"]]),
    exporters: [{ type: "moby", attrs: new Map([["name", "a:b"]]) }],
    cache: { imports: [{ type: "registry", attrs: new Map([["ref", "x"]]) }] },
  };
  expect(SolveRequest.decode(SolveRequest.encode(request))).toMatchObject(request);
});

test("times keep their fraction", () => {
  const ms = 1_700_000_000_123.25;
  const encoded = StatusResponse.encode({ vertexes: [{ started: timestamp(ms) }] });
  expect(millisecondsOf(StatusResponse.decode(encoded).vertexes[0]!.started!)).toBe(ms);
});
