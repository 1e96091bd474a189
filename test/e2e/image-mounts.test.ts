/** `--mount type=image`: what an image holds, in another container. */
import { describe, expect, test } from "bun:test";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("image mounts through %s", (client) => {
  const d = (...args: string[]) => daemon().run(client, ...args);
  const out = async (...args: string[]) => (await d(...args)).stdout.trim();

  test("the tree of an image of several layers, a part of it, for reading only; inspect and restart", async () => {
    await d(
      "run",
      "--name",
      "maker",
      "busybox",
      "sh",
      "-c",
      "mkdir -p /data/deep; echo one > /data/deep/file; rm /bin/vi",
    );
    expect((await d("commit", "maker", "tools:1")).code).toBe(0);
    const mount = ["--mount", "type=image,source=tools:1,target=/tools"];
    const script = "cat /tools/data/deep/file; ls /tools/bin/vi; touch /tools/x; ls /tools/bin/sh";
    const whole = await d("run", "--rm", ...mount, "busybox", "sh", "-c", script);
    expect(whole.stdout.trim().split("\n")).toEqual(["one", "/tools/bin/sh"]);
    expect(whole.stderr).toContain("Read-only file system");
    expect(whole.stderr).toContain("/tools/bin/vi: No such file");
    const part = ["--mount", "type=image,source=tools:1,target=/part,image-subpath=data/deep"];
    expect(await out("run", "-d", "--name", "holder", ...part, "busybox", "sleep", "600")).not.toBe("");
    expect(await out("exec", "holder", "cat", "/part/file")).toBe("one");
    expect(JSON.parse(await out("inspect", "-f", "{{json .Mounts}}", "holder"))).toMatchObject([
      { Type: "image", Name: "tools:1", Destination: "/part", RW: false, Propagation: "rprivate" },
    ]);
    // The image is held, also after its name went to another one.
    const rmi = await d("rmi", "tools:1");
    expect(rmi.code).toBe(1);
    expect(rmi.stderr).toMatch(
      /conflict: unable to remove repository reference "tools:1" \(must force\) - container [0-9a-f]{12} is using/,
    );
    await d("tag", "busybox", "tools:1");
    await d("restart", "-t", "0", "holder");
    expect(await out("exec", "holder", "cat", "/part/file")).toBe("one");
    await d("rm", "-f", "holder", "maker");
    await d("rmi", "tools:1");
    await d("image", "prune", "-f");
  });

  test("an image that is not there, and a path that it does not hold", async () => {
    const run = (spec: string) => d("run", "--rm", "--mount", `type=image,target=/i,${spec}`, "busybox", "true");
    expect((await run("source=absent")).stderr).toContain(
      'invalid mount config for type "image": No such image: absent',
    );
    expect((await run("source=busybox,image-subpath=no/where")).stderr).toContain("no such file or directory");
    expect((await run("source=busybox,image-subpath=../etc")).stderr).toContain("subpath must be a relative path");
  });
});
