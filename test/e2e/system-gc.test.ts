import { describe, expect, test } from "bun:test";
import { until } from "../harness/command.ts";
import { busyboxTar } from "../harness/images.ts";
import { withDaemon } from "./fixture.ts";

const policy = (fields: object) => `--gc=${JSON.stringify(fields)}`;

describe("system gc", () => {
  const daemon = withDaemon({
    flags: [policy({ images: { "unused-for": "10s" }, containers: { "stopped-for": "10s" } })],
  });

  test("removes what is stopped and unused for long enough, and nothing in use or labelled dhow.gc=keep", async () => {
    const d = daemon();
    const tar = await busyboxTar();
    await d.docker("import", tar, "loose:1");
    await d.docker("tag", "loose:1", "loose:2");
    await d.docker("import", "-c", "LABEL dhow.gc=keep", tar, "held:1");
    await d.docker("import", "-c", "LABEL n=1", tar, "stood:1");
    await d.must("run", "-d", "--name", "runs", "busybox", "sleep", "300");
    await d.must("run", "--name", "ended", "busybox", "true");
    await d.must("run", "--name", "kept", "--label", "dhow.gc=keep", "stood:1", "true");
    await d.must("create", "--name", "never", "busybox", "true");
    await d.must("run", "-d", "--name", "frozen", "busybox", "sleep", "300");
    await d.must("pause", "frozen");

    // Too young, all of it.
    expect(await d.must("system", "gc")).toBe("Total reclaimed space: 0B\n");
    await Bun.sleep(10_100);
    const dry = await d.must("system", "gc", "--dry-run");
    expect(dry).toMatch(
      /^Would delete Containers:\n[0-9a-f]{64} (never|ended), stopped since .*\n[0-9a-f]{64} (never|ended), /,
    );
    expect(dry).toMatch(
      /\nWould delete Images:\nsha256:[0-9a-f]{64} loose:1 loose:2, unused since .*\n\nTotal reclaimable space: /,
    );
    expect((await d.must("ps", "-aq")).trim().split("\n")).toHaveLength(5);
    expect(await d.must("images", "-q", "loose")).not.toBe("");

    const done = await d.must("system", "gc");
    expect(
      done
        .replace("Deleted C", "Would delete C")
        .replace("Deleted I", "Would delete I")
        .replace("reclaimed", "reclaimable"),
    ).toBe(dry);
    expect((await d.must("ps", "-a", "--format", "{{.Names}}")).trim().split("\n").sort()).toEqual([
      "frozen",
      "kept",
      "runs",
    ]);
    const images = (await d.must("images", "--format", "{{.Repository}}")).trim().split("\n").sort();
    expect(images).toEqual(["busybox", "held", "stood"]);
    expect(d.log()).toMatch(/gc: removed container [0-9a-f]{64} \(ended\), stopped since/);
    expect(d.log()).toMatch(/gc: removed image sha256:[0-9a-f]{64} \(loose:1, loose:2\), unused since/);
    const query = ["--since", "10m", "--until", "0s", "--format", "{{.Type}} {{.Action}} {{json .Actor.Attributes}}"];
    const told = await until("the event", async () => {
      const { stdout } = await d.docker("events", ...query);
      return stdout.includes('daemon gc {"containers":"2","images":"1","name":') ? stdout : undefined;
    });
    expect(told.match(/^image delete /gm)).toHaveLength(1);

    // The image of a container that is gone counts from that moment, not from its tag.
    await d.must("rm", "kept");
    expect(await d.must("system", "gc")).toBe("Total reclaimed space: 0B\n");
    await d.restart();
    await Bun.sleep(10_100);
    expect(await d.must("system", "gc", "--dry-run")).toContain(" stood:1, unused since ");
    await d.must("rm", "-f", "runs", "frozen");
    await d.must("rmi", "held:1", "stood:1");
  }, 60_000);
});

describe("garbage collection by interval", () => {
  const daemon = withDaemon({
    flags: [policy({ enabled: true, interval: "1s", containers: { "stopped-for": "1s" } })],
  });

  test("happens by itself, of what the policy names alone", async () => {
    const d = daemon();
    await d.docker("tag", "busybox", "other:1");
    await d.must("run", "--name", "ended", "busybox", "true");
    await until("the collection", async () => (await d.must("ps", "-aq")) === "");
    await Bun.sleep(1500);
    expect(await d.must("images", "-q", "other")).not.toBe("");
  }, 60_000);
});
