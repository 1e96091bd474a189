import { expect, test } from "bun:test";
import { until } from "../harness/command.ts";
import { runClient } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

/** Needs minutes and a mirror in reach, so it is asked for by name. */
const slow = process.env.DHOW_TEST_BOOTSTRAP === "1" && Bun.which("mmdebstrap") !== null;

test("image bootstrap busybox makes an image that runs", async () => {
  const made = await daemon().dhow("image", "bootstrap", "busybox", "--tag", "made:1");
  expect(made.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect((await daemon().dhow("run", "--rm", "made:1", "id", "-un")).stdout).toBe("root\n");
  expect((await daemon().docker("history", "--format", "{{.Comment}}", "made:1")).stdout).toBe("bootstrapped by tar\n");
  await daemon().dhow("rmi", "made:1");
});

test("image bootstrap refuses what it cannot make, and makes nothing", async () => {
  const before = (await daemon().dhow("images", "-q")).stdout;
  const cases: [string[], string][] = [
    [["Debian:x"], `cannot bootstrap "Debian:x": expected debian:SUITE or busybox`],
    [["busybox", "--include", "curl"], "busybox takes no packages: --include is for Debian suites"],
    [["debian:bookworm", "--include", "a;b"], 'invalid package name "a;b"'],
  ];
  for (const [args, words] of cases) {
    const { code, stderr } = await daemon().dhow("image", "bootstrap", ...args);
    expect(stderr).toBe(`${words}\n`);
    expect(code).toBe(1);
  }
  expect((await daemon().dhow("images", "-q")).stdout).toBe(before);
});

test.skipIf(!slow)(
  "image bootstrap debian:bookworm --include nginx-light makes a web server (needs DHOW_TEST_BOOTSTRAP=1 and mmdebstrap)",
  async () => {
    const bootstrap = (...args: string[]) =>
      runClient("dhow", daemon().socket, ["image", "bootstrap", ...args], { timeoutMs: 500_000 });
    const absent = await bootstrap("debian:nosuchsuite");
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain("mmdebstrap failed with exit status");
    expect((await daemon().dhow("image", "inspect", "debian:nosuchsuite")).code).toBe(1);
    const { code } = await bootstrap("debian:bookworm", "--include", "nginx-light");
    expect(code).toBe(0);
    await daemon().dhow(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "127.0.0.1::80",
      "debian:bookworm",
      "nginx",
      "-g",
      "daemon off;",
    );
    const address = (await daemon().dhow("port", "web", "80")).stdout.trim();
    const page = await until("the page", () =>
      fetch(`http://${address}/`).then(
        (answer) => answer.text(),
        () => "",
      ),
    );
    expect(page).toContain("nginx");
    await daemon().dhow("rm", "-f", "web");
    await daemon().dhow("rmi", "debian:bookworm");
  },
  600_000,
);
