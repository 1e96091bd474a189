import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { startRegistry } from "../fixtures/registry.ts";
import { until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";

interface Info {
  ID: string;
  Debug: boolean;
  Labels: string[];
  DefaultRuntime: string;
  Runtimes: Record<string, { path: string }>;
  RegistryConfig: { IndexConfigs: Record<string, { Secure: boolean }>; Mirrors: string[] };
}

/** A daemon with `content` as its `daemon.json`; `reload` writes another, sends SIGHUP and waits until that is answered in the log. */
async function startWithFile(content: object) {
  const daemon = TestDaemon.reserve({ debug: false });
  const path = join(daemon.root, "daemon.json");
  const write = (next: object | string) => writeFileSync(path, typeof next === "string" ? next : JSON.stringify(next));
  const answers = () => daemon.log().match(/Reloaded configuration|Error reloading configuration/g)?.length ?? 0;
  write(content);
  await daemon.start({ DHOW_CONFIG_FILE: path });
  return {
    daemon,
    async reload(next: object | string): Promise<void> {
      const before = answers();
      write(next);
      process.kill(daemon.pid, "SIGHUP");
      await until("the reload", () => answers() > before);
    },
    info: async () => (await daemon.api<Info>("GET", "/info")).body,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

test("SIGHUP takes over what dockerd reloads, and tells it in dockerd's event", async () => {
  await using registry = await startRegistry();
  await using host = await startWithFile({ labels: ["a=b"] });
  const { daemon } = host;
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  expect(await host.info()).toMatchObject({ Debug: false, Labels: ["a=b"], DefaultRuntime: "crun" });
  const mirror = `http://${registry.host}/`;
  await host.reload({
    debug: true,
    labels: ["a=c", "x=y"],
    "insecure-registries": ["10.0.0.0/8", "plain.test:5000"],
    "registry-mirrors": [mirror],
    "max-concurrent-downloads": 2,
    "max-concurrent-uploads": 1,
    "max-download-attempts": 4,
    "default-runtime": "other",
    runtimes: { other: { path: "/usr/bin/crun" } },
    "default-shm-size": "8m",
    "shutdown-timeout": 3,
    mtu: 1400,
  });
  const now = await host.info();
  expect(now).toMatchObject({ Debug: true, Labels: ["a=c", "x=y"], DefaultRuntime: "other" });
  expect(now.Runtimes.other).toEqual({ path: "/usr/bin/crun" });
  expect(now.RegistryConfig.Mirrors).toEqual([mirror]);
  expect(now.RegistryConfig.IndexConfigs["plain.test:5000"]?.Secure).toBe(false);
  const shown = await daemon.must("run", "--name", "shown", "busybox", "df", "-k", "/dev/shm");
  expect(shown).toContain("8192");
  expect(await daemon.must("inspect", "-f", "{{.HostConfig.Runtime}}", "shown")).toBe("other\n");
  await daemon.docker("pull", "-q", "mirrored:1");
  expect(registry.requests[0]?.url).toBe("/v2/library/mirrored/manifests/1");
  expect(daemon.log()).toContain("level=debug");
  // What only a start reads is not passed over in silence.
  expect(daemon.log()).toMatch(
    /level=warning msg="Some options take effect at the daemon's next start" options=network/,
  );

  const events = await until("the event", async () => {
    const { stdout } = await daemon.docker("events", "--since", "10m", "--until", "0s", "--filter", "type=daemon");
    return stdout;
  });
  const attributes = [
    "debug=true, default-cgroupns-mode=(host|private), default-ipc-mode=private, default-runtime=other",
    'default-shm-size=8388608, features=map\\[\\], insecure-registries=\\["10.0.0.0/8","plain.test:5000"\\]',
    `labels=\\["a=c","x=y"\\], live-restore=true, max-concurrent-downloads=2, max-concurrent-uploads=1`,
    `max-download-attempts=4, name=${hostname()}, registry-mirrors=\\["${mirror}"\\]`,
    "runtimes=other:/usr/bin/crun, shutdown-timeout=3",
  ];
  expect(events).toMatch(new RegExp(`daemon reload ${now.ID} \\(${attributes.join(", ")}\\)\n$`));

  // What the file no longer says is the default again.
  await host.reload({});
  expect(await host.info()).toMatchObject({ Debug: false, Labels: [], DefaultRuntime: "crun" });
}, 60_000);

test("a file that is wrong changes nothing, and the log says why", async () => {
  await using host = await startWithFile({ labels: ["kept=1"] });
  const wrong: [object | string, string][] = [
    ["{", "invalid JSON"],
    [{ labels: ["new=1"], nope: 1 }, "the following directives don't match any configuration option: nope"],
    [{ labels: ["new=1"], "default-runtime": "zork" }, "specified default runtime 'zork' does not exist"],
    [{ labels: ["new=1"], "max-concurrent-downloads": -1 }, "invalid max concurrent downloads: -1"],
    [{ labels: ["new"] }, "bad attribute format: new"],
    [{ labels: ["new=1"], hosts: ["unix:///x"] }, "specified both as a flag and in the configuration file: hosts"],
  ];
  for (const [content, why] of wrong) {
    await host.reload(content);
    const last = host.daemon.log().trimEnd().split("\n").at(-1) ?? "";
    expect(last).toContain("level=error");
    expect(last.replaceAll("\\", "")).toContain(why);
    expect((await host.info()).Labels).toEqual(["kept=1"]);
  }
  const events = await host.daemon.docker("events", "--since", "10m", "--until", "0s", "--filter", "type=daemon");
  expect(events.stdout).toBe("");
}, 60_000);
