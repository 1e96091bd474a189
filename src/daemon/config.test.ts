import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Defaults, readConfig } from "./config.ts";
import { takeRoots } from "./data-root.ts";
import { parseHost } from "./host-address.ts";
import { writePidfile } from "./pidfile.ts";

const directory = mkdtempSync("/tmp/dhow-config-");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const defaults: Defaults = { socket: "/run/x.sock", pidfile: "/run/x.pid", configFiles: [] };
let files = 0;

function withFile(content: unknown, ...flags: string[]) {
  const path = join(directory, `${files++}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return readConfig([`--config-file=${path}`, ...flags], defaults);
}

test("readConfig() gives the defaults of a bare start", () => {
  const config = readConfig([], defaults);
  expect(config.hosts).toEqual([{ kind: "unix", path: "/run/x.sock" }]);
  expect(config.engine).toMatchObject({ dataRoot: "/var/lib/dhow", execRoot: "/run/dhow", instance: "dhow" });
  expect(config.engine.network).toMatchObject({ bridgeName: "dhow0", bip: undefined, mtu: 1500, firewall: true });
});

test("readConfig() reads the flags of a test daemon", () => {
  const { engine } = readConfig(
    [
      "--data-root=/d",
      "--exec-root=/e",
      "-H",
      "unix:///s",
      "--bridge-name=dhowt1",
      "--bip=10.213.1.1/24",
      "--default-address-pool=base=10.214.1.0/24,size=27",
      "--default-ulimit=nofile=1024:2048",
      "--add-runtime=mine=/bin/mine",
      "-D",
    ],
    defaults,
  );
  expect(engine.instance).toMatch(/^d[0-9a-f]{6}$/);
  expect(engine.network.addressPools).toEqual([{ base: "10.214.1.0/24", size: 27 }]);
  expect(engine.defaultUlimits).toEqual({ nofile: { soft: 1024, hard: 2048 } });
  expect(engine.runtimes).toEqual({ mine: "/bin/mine" });
});

test("readConfig() reads daemon.json by dockerd's keys", () => {
  const { engine, logLevel } = withFile({
    debug: true,
    hosts: ["unix:///s"],
    "insecure-registries": ["10.0.0.0/8"],
    "default-address-pools": [{ base: "10.10.0.0/16", size: 24 }],
    "default-ulimits": { nofile: { Name: "nofile", Hard: 20, Soft: 10 } },
    runtimes: { mine: { path: "/bin/mine" } },
    "default-shm-size": "128M",
    "log-opts": { "max-size": "10m" },
  });
  expect(logLevel).toBe("debug");
  expect(engine.registry.insecure).toEqual(["10.0.0.0/8"]);
  expect(engine.network.addressPools).toEqual([{ base: "10.10.0.0/16", size: 24 }]);
  expect(engine.defaultUlimits).toEqual({ nofile: { soft: 10, hard: 20 } });
  expect(engine.shmSize).toBe(128 * 1024 * 1024);
  expect(engine.logOptions).toEqual({ "max-size": "10m" });
});

test("readConfig() refuses unknown and doubled directives in dockerd's words", () => {
  expect(() => withFile({ zzz: 1, aaa: 2 })).toThrow(
    "the following directives don't match any configuration option: aaa, zzz",
  );
  expect(() => withFile({ debug: true }, "--debug")).toThrow(
    "the following directives are specified both as a flag and in the configuration file: debug",
  );
  expect(() => withFile('{"debug": ')).toThrow("invalid JSON: unexpected EOF");
  expect(() => withFile({ debug: "yes" })).toThrow("debug: expected true or false");
});

test("readConfig() refuses by name what the engine lacks", () => {
  expect(() => readConfig(["--userns-remap=default"], defaults)).toThrow("not supported by this engine yet");
  expect(() => withFile({ "userns-remap": "default" })).toThrow("userns-remap: not supported by this engine yet");
  expect(() => readConfig(["--nope"], defaults)).toThrow("unknown flag: --nope");
  expect(readConfig(["--live-restore"], defaults).only).toBeUndefined();
});

test("readConfig() refuses registries and log drivers that no engine could use", () => {
  const insecure = "insecure registry http://x should not contain '://'";
  expect(() => readConfig(["--insecure-registry", "http://x"], defaults)).toThrow(insecure);
  expect(() => readConfig(["--insecure-registry", "10.0.0.0/99"], defaults)).toThrow('"10.0.0.0/99" is not valid');
  expect(() => readConfig(["--log-driver", "nope"], defaults)).toThrow("no log driver named 'nope' is registered");
  for (const [mirror, why] of [
    ["foo", `no scheme specified for "foo": must use either 'https://' or 'http://'`],
    ["ftp://x", `unsupported scheme "ftp" in "ftp://x"`],
    ["http://x/y?z", 'query or fragment at end of the URI "http://x/y?z"'],
    ["http://u:secret@x", 'username/password not allowed in URI "http://u:xxxxx@x"'],
  ] as const) {
    expect(() => readConfig(["--registry-mirror", mirror], defaults)).toThrow(`invalid mirror: ${why}`);
  }
  expect(readConfig(["--registry-mirror", "http://x/y"], defaults).engine.registry.mirrors).toEqual(["http://x/y"]);
});

test("readConfig() refuses TCP without verified clients, loopback included", () => {
  for (const host of ["tcp://127.0.0.1:2375", "tcp://0.0.0.0:2375"]) {
    expect(() => readConfig(["-H", host], defaults)).toThrow("refusing to listen on TCP");
    expect(() => readConfig(["-H", host, "--tls"], defaults)).toThrow("refusing to listen on TCP");
    expect(readConfig(["-H", host, "--tls=false"], defaults).tls).toBeUndefined();
  }
  expect(() => readConfig(["-H", "tcp://127.0.0.1:2376", "--tlsverify"], defaults)).toThrow("--tlscacert");
});

test("parseHost() reads what -H takes", () => {
  expect(parseHost("unix://", "/d.sock")).toEqual({ kind: "unix", path: "/d.sock" });
  expect(parseHost("tcp://[::1]:1234", "")).toEqual({ kind: "tcp", host: "::1", port: 1234 });
  expect(parseHost("fd://", "")).toEqual({ kind: "fd" });
  for (const bad of ["udp://1", "tcp://a:b:c", "tcp://", "tcp://h:99999"]) {
    expect(() => parseHost(bad, "")).toThrow("invalid bind address");
  }
});

test("takeRoots() lets one engine have a root, and refuses another's data", () => {
  const [data, exec] = [join(directory, "data"), join(directory, "exec")];
  const held = takeRoots(data, exec);
  expect(() => takeRoots(data, join(directory, "exec2"))).toThrow("in use by another daemon");
  expect(() => takeRoots(join(directory, "data2"), exec)).toThrow("in use by another daemon");
  held[Symbol.dispose]();
  takeRoots(data, exec)[Symbol.dispose]();
  expect(() => takeRoots(directory, exec)).toThrow("is not empty and not dhow's");
});

test("writePidfile() respects a living process and replaces a dead one's file", () => {
  const path = join(directory, "pid");
  writeFileSync(path, "1");
  expect(() => writePidfile(path)).toThrow("process with PID 1 is still running");
  writeFileSync(path, "4194304999");
  const held = writePidfile(path);
  expect(Bun.file(path).size).toBe(String(process.pid).length);
  held[Symbol.dispose]();
  expect(Bun.file(path).size).toBe(0);
});
