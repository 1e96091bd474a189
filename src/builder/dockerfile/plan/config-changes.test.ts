import { expect, test } from "bun:test";
import { ContainerConfig } from "../../../api/containers.ts";
import { parseWire } from "../../../api/wire.ts";
import { applyChanges } from "./config-changes.ts";

const base = parseWire(ContainerConfig, {
  Env: ["PATH=/bin", "PORT=8000", "EMPTY="],
  Cmd: ["old"],
  WorkingDir: "/",
  User: "root",
});
const after = (...changes: string[]): ContainerConfig => applyChanges(base, changes);

test.each([
  ["ENV PATH=$PATH:/opt/bin", { Env: ["PATH=/bin:/opt/bin", "PORT=8000", "EMPTY="] }],
  [
    "ENV A='$PATH' B=\"$PATH x\" C=\\$PATH",
    {
      Env: ["PATH=/bin", "PORT=8000", "EMPTY=", "A=$PATH", "B=/bin x", "C=$PATH"],
    },
  ],
  ["ENV PORT=1 P=#{PORT}", { Env: ["PATH=/bin", "PORT=1", "EMPTY=", "P=8000"] }],
  ["ENV A=#{NONE:-x}#{EMPTY:-y}#{EMPTY-z}#{PORT:+w}", { Env: ["PATH=/bin", "PORT=8000", "EMPTY=", "A=xyw"] }],
  ["ENV KEY a $PORT b", { Env: ["PATH=/bin", "PORT=8000", "EMPTY=", "KEY=a 8000 b"] }],
  ["LABEL port=$PORT", { Labels: { port: "8000" } }],
  [
    "EXPOSE $PORT 9000-9002/udp",
    {
      ExposedPorts: { "8000/tcp": {}, "9000/udp": {}, "9001/udp": {}, "9002/udp": {} },
    },
  ],
  ["USER u$PORT", { User: "u8000" }],
  ['VOLUME ["/v/$PORT"]', { Volumes: { "/v/8000": {} } }],
  ["WORKDIR x/$PORT", { WorkingDir: "/x/8000" }],
  ["STOPSIGNAL SIGTERM", { StopSignal: "SIGTERM" }],
  ['ENTRYPOINT ["/entry"]', { Entrypoint: ["/entry"], Cmd: null }],
  ["CMD new", { Cmd: ["/bin/sh", "-c", "new"] }],
])("applyChanges() takes %s as a Dockerfile does", (change, expected) => {
  expect(after(change.replaceAll("#{", "${"))).toMatchObject(expected);
});

test("applyChanges() keeps a command that came before the entry point in the same changes", () => {
  expect(after('CMD ["new"]', 'ENTRYPOINT ["/entry"]').Cmd).toEqual(["new"]);
});

test.each(["STOPSIGNAL nonsense", "EXPOSE 9-8", "EXPOSE 70000", "EXPOSE x", "FROM x", "NOPE x", "ENV A"])(
  "applyChanges() refuses %s",
  (change) => {
    expect(() => after(change)).toThrow();
  },
);
