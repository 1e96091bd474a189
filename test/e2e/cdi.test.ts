/** Devices that a vendor's specification tells of: `--device vendor.com/class=name` and `--gpus`. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const specs = mkdtempSync(join(tmpdir(), "dhow-cdi-e2e-"));
afterAll(() => rmSync(specs, { recursive: true }));
writeFileSync(join(specs, "given.txt"), "from the host\n");
writeFileSync(
  join(specs, "acme.yaml"),
  `cdiVersion: 0.6.0
kind: acme.com/thing
containerEdits:
  env: [ACME=all]
devices:
- name: one
  containerEdits:
    env: [THING=one]
    deviceNodes:
    - {path: /dev/thing, hostPath: /dev/net/tun, permissions: r}
    mounts:
    - {hostPath: ${specs}/given.txt, containerPath: /opt/given.txt, options: [ro, bind]}
    hooks:
    - {hookName: createRuntime, path: /bin/sh, args: [sh, -c, 'echo hooked > ${specs}/hooked.txt']}
`,
);
const daemon = withDaemon({ flags: [`--cdi-spec-dir=${specs}`] });

describe.each([...clients])("%s run", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);

  test("--device by CDI name gives node, rights, mount, variables and hook", async () => {
    rmSync(join(specs, "hooked.txt"), { force: true });
    const line =
      "echo $ACME $THING; cat /opt/given.txt; ls -l /dev/thing | cut -c1; (: < /dev/thing) && echo read; (: > /dev/thing) 2>&1; (: > /opt/given.txt) 2>&1";
    const { stdout } = await cli("run", "--rm", "--device", "acme.com/thing=one", "busybox", "sh", "-c", line);
    expect(stdout).toMatch(/^all one\nfrom the host\nc\nread\n.*Operation not permitted\n.*Read-only file system\n$/);
    expect(await Bun.file(join(specs, "hooked.txt")).text()).toBe("hooked\n");
    expect((await cli("info", "-f", "{{json .CDISpecDirs}}")).stdout).toBe(`["${specs}"]\n`);
  });

  test("what no specification tells of is refused at the start, and nothing stays", async () => {
    const missing = await cli("run", "--rm", "--device", "acme.com/thing=two", "busybox", "true");
    expect([missing.code, missing.stderr]).toEqual([
      125,
      expect.stringContaining("CDI device injection failed: unresolvable CDI devices acme.com/thing=two"),
    ]);
    const gpu = await cli("run", "--rm", "--gpus", "all", "busybox", "true");
    expect([gpu.code, gpu.stderr]).toEqual([
      125,
      expect.stringContaining('could not select device driver "" with capabilities: [[gpu]]'),
    ]);
  });

  test("--gpus takes NVIDIA's devices where they are told of", async () => {
    const path = join(specs, "nvidia.json");
    const device = (name: string) => ({ name, containerEdits: { env: [`GPU_${name}=1`] } });
    const spec = { cdiVersion: "0.6.0", kind: "nvidia.com/gpu", devices: [device("0"), device("1"), device("all")] };
    writeFileSync(path, JSON.stringify(spec));
    const seen = async (wish: string) =>
      (await cli("run", "--rm", "--gpus", wish, "busybox", "sh", "-c", "env | grep GPU_ | sort")).stdout;
    expect(await seen("all")).toBe("GPU_all=1\n");
    expect(await seen("2")).toBe("GPU_0=1\nGPU_1=1\n");
    expect(await seen("device=1")).toBe("GPU_1=1\n");
    rmSync(path);
  });
});
