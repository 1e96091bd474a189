/** A Compose project whose engine ends with its containers and comes back, as at a reboot: dependencies start first. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { slowness, until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";

interface Inspected {
  readonly State: {
    readonly Status: string;
    readonly StartedAt: string;
    readonly Health?: {
      readonly Status: string;
      readonly Log: readonly { readonly End: string; readonly ExitCode: number }[];
    };
  };
}

test(
  "after the engine's end a web starts once its database is healthy, and what has nothing to do with it at once",
  async () => {
    await using daemon = await TestDaemon.start();
    await daemon.docker("import", await busyboxTar(), "busybox:latest");
    const file = join(daemon.root, "compose.yaml");
    writeFileSync(
      file,
      `
services:
  aweb: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, restart: always, depends_on: {db: {condition: service_healthy}}}
  db:
    image: busybox
    command: [sh, -c, "rm -f /tmp/well; sleep 2; touch /tmp/well; exec sleep 1000"]
    stop_signal: SIGKILL
    restart: always
    healthcheck: {test: [CMD, test, -e, /tmp/well], interval: 200ms, retries: 50}
`,
    );
    await daemon.must(
      "run",
      "-d",
      "--name",
      "alone",
      "--restart=always",
      "--stop-signal",
      "KILL",
      "busybox",
      "sleep",
      "1000",
    );
    await daemon.must("compose", "-f", file, "-p", "reboot", "up", "-d");
    // Nonsense that anybody may write holds nobody up.
    for (const [name, label] of [
      ["odd", "db:,:::,nobody:service_healthy:x"],
      ["loop", "loop:service_healthy:true"],
    ]) {
      const labels = [
        "com.docker.compose.project=reboot",
        `com.docker.compose.service=${name}`,
        `com.docker.compose.depends_on=${label}`,
      ];
      await daemon.must(
        "run",
        "-d",
        "--name",
        name!,
        "--restart=always",
        "--stop-signal",
        "KILL",
        ...labels.flatMap((each) => ["--label", each]),
        "busybox",
        "sleep",
        "1000",
      );
    }
    const state = async (name: string) => (await daemon.api<Inspected>("GET", `/containers/${name}/json`)).body.State;
    await daemon.stopAll();
    const began = Date.now();
    await daemon.start();
    await until("the web runs", async () => (await state("reboot-aweb-1")).Status === "running");
    const [web, db] = [await state("reboot-aweb-1"), await state("reboot-db-1")];
    expect(db.Health?.Status).toBe("healthy");
    expect(Date.parse(web.StartedAt)).toBeGreaterThanOrEqual(Date.parse(db.StartedAt) + 2000);
    for (const name of ["alone", "odd", "loop"]) {
      const { Status, StartedAt } = await state(name);
      expect(Status).toBe("running");
      expect(Date.parse(StartedAt)).toBeGreaterThanOrEqual(began);
      expect(Date.parse(StartedAt)).toBeLessThan(Date.parse(web.StartedAt));
    }
    await daemon.must("compose", "-p", "reboot", "down", "-t", "0", "--remove-orphans");
    await daemon.must("rm", "-f", "alone");
  },
  120_000 * slowness,
);
