import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Defaults, readConfig } from "./config.ts";
import { daemonFlags } from "./config-flags.ts";
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
  expect(() => readConfig(["--userns-remap=default"], defaults)).toThrow(
    "not supported by this engine: user namespaces are not there yet",
  );
  expect(() => withFile({ "userns-remap": "default" })).toThrow("userns-remap: not supported by this engine");
  expect(() => readConfig(["--nope"], defaults)).toThrow("unknown flag: --nope");
  expect(() => withFile({ features: { x: true } })).toThrow("features: not supported by this engine: ");
  expect(() => readConfig(["--selinux-enabled"], defaults)).toThrow("SELinux labels are not there yet");
});

test("readConfig() reads proxies by flag and by file, and shows no password of one that stands in both", () => {
  const proxies = { "http-proxy": "http://u:p1@a", "https-proxy": "http://b", "no-proxy": "c,.d" };
  expect(withFile({ proxies }).proxies).toEqual({ http: "http://u:p1@a", https: "http://b", none: "c,.d" });
  expect(readConfig(["--https-proxy=http://b"], defaults).proxies).toEqual({ http: "", https: "http://b", none: "" });
  expect(() => withFile({ proxies }, "--http-proxy=http://u:p2@a")).toThrow(
    "http-proxy: (from flag: http://xxxxx:xxxxx@a, from file: http://xxxxx:xxxxx@a)",
  );
  expect(() => withFile({ proxies: "http://p" })).toThrow("proxies");
  expect(() => withFile({ proxies: { "ftp-proxy": "x" } })).toThrow("ftp-proxy");
});

test("readConfig() takes what asks for nothing else than it does, and says what changes nothing", () => {
  expect(
    withFile({
      "selinux-enabled": false,
      "exec-opts": ["native.cgroupdriver=cgroupfs"],
      "storage-opts": [],
      features: {},
      "default-ipc-mode": "private",
    }).notices,
  ).toEqual([]);
  expect(readConfig(["--live-restore", "--exec-opt=native.cgroupdriver=cgroupfs"], defaults).notices).toEqual([
    "The option live-restore changes nothing: containers always survive the daemon",
  ]);
  expect(withFile({ containerd: "/run/c.sock" }).notices).toEqual([
    "The option containerd changes nothing: there is no containerd",
  ]);
});

test("readConfig() tells both sides of a conflict, as dockerd prints them; runtimes add up", () => {
  const conflict = (content: object, ...flags: string[]) => {
    try {
      withFile(content, ...flags);
    } catch (error) {
      return (error as Error).message.replace(/.*configuration file: /, "");
    }
    return "none";
  };
  expect(conflict({ debug: true, labels: ["a=b"] }, "--debug", "--label", "x=y")).toBe(
    "debug: (from flag: true, from file: true), labels: (from flag: [x=y], from file: [a=b])",
  );
  const limits = { nofile: { Name: "nofile", Soft: 1, Hard: 2 } };
  expect(
    conflict(
      { "log-opts": { "max-size": "1m" }, "default-ulimits": limits },
      "--log-opt=max-file=2",
      "--default-ulimit=nproc=1",
    ),
  ).toBe(
    "default-ulimits: (from flag: [nproc=1:1], from file: map[nofile:map[Hard:2 Name:nofile Soft:1]]), log-opts: (from flag: map[max-file:2], from file: map[max-size:1m])",
  );
  const { engine } = withFile({ runtimes: { b: { path: "/b" } } }, "--add-runtime=a=/a");
  expect(engine.runtimes).toEqual({ a: "/a", b: "/b" });
});

const oracleFlags =
  `add-runtime allow-direct-routing authorization-plugin bip bip6 bridge cdi-spec-dir cgroup-parent config-file
  containerd containerd-namespace containerd-plugins-namespace cpu-rt-period cpu-rt-runtime cri-containerd data-root debug
  default-address-pool default-cgroupns-mode default-gateway default-gateway-v6 default-ipc-mode default-network-opt default-runtime
  default-shm-size default-ulimit dns dns-opt dns-search exec-opt exec-root experimental feature fixed-cidr fixed-cidr-v6 group host
  host-gateway-ip http-proxy https-proxy icc init init-path insecure-registry ip ip-forward ip-forward-no-drop ip-masq ip6tables
  iptables ipv6 label live-restore log-driver log-format log-level log-opt max-concurrent-downloads max-concurrent-uploads
  max-download-attempts metrics-addr mtu network-control-plane-mtu no-new-privileges no-proxy node-generic-resource pidfile raw-logs
  registry-mirror rootless seccomp-profile selinux-enabled shutdown-timeout storage-driver storage-opt swarm-default-advertise-addr
  tls tlscacert tlscert tlskey tlsverify userland-proxy userland-proxy-path userns-remap validate version`.split(/\s+/);

test("what this engine does not do is refused with the reason, and an asking for what is so in any case is not", () => {
  expect(() => readConfig(["--rootless"], defaults)).toThrow("the daemon runs as root");
  expect(() => readConfig(["--userns-remap=default"], defaults)).toThrow("not supported by this engine");
  expect(readConfig(["--rootless=false"], defaults).engine.debug).toBe(false);
});

test("readConfig() reads what the default bridge and other networks are told of IPv6, by flag and by file", () => {
  const mtu = "com.docker.network.driver.mtu";
  const wanted = {
    ...{ ipv6: true, bip6: "fd00::9/64", fixedCidr6: "fd00::/80", defaultGateway6: "fd00::8", firewall6: false },
    networkOptions: { bridge: { [mtu]: "1400", "com.docker.network.enable_ipv6": "true" } },
  };
  const { engine } = readConfig(
    [
      ...[
        "--ipv6",
        "--bip6=fd00::9/64",
        "--fixed-cidr-v6=fd00::/80",
        "--default-gateway-v6=fd00::8",
        "--ip6tables=false",
      ],
      ...[
        `--default-network-opt=bridge=${mtu}=1400`,
        "--default-network-opt=bridge=com.docker.network.enable_ipv6=true",
      ],
    ],
    defaults,
  );
  expect(engine.network).toMatchObject(wanted);
  const file = withFile({
    ...{ ipv6: true, bip6: "fd00::9/64", "fixed-cidr-v6": "fd00::/80", "default-gateway-v6": "fd00::8" },
    ...{ ip6tables: false, "default-network-opts": wanted.networkOptions },
  });
  expect(file.engine.network).toMatchObject(wanted);
  expect(() => readConfig(["--default-network-opt=bridge"], defaults)).toThrow("driver=option=value");
});

test("every flag of dockerd 28.5 is known", () => {
  expect(oracleFlags.filter((name) => !(name in daemonFlags))).toEqual([]);
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
