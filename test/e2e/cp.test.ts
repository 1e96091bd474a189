/** `cp` through both clients, with the trees that it leaves, and the archive endpoints' statuses and words. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entriesOf, tarOf } from "../fixtures/tar-builder.ts";
import { run } from "../harness/command.ts";
import { clients, dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-cp-"));
// Before the fixture's own, which wants everything given back.
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  const names = (await daemon().must("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (names.length > 0) await daemon().must("rm", "-f", "-v", ...names);
  const volumes = (await daemon().must("volume", "ls", "-q")).split("\n").filter((name) => name !== "");
  if (volumes.length > 0) await daemon().must("volume", "rm", ...volumes);
});
const daemon = withDaemon();

const inside = `mkdir -p /d/sub /e; echo file > /d/f; echo sub > /d/sub/g; ln -s f /d/lf; ln -s /d /ld; ln -s /nope /broken; mkfifo /fifo
ln -s /d/sub/g /lg; chown 7:8 /d/f; chmod 640 /d/f; exec sleep 600`;
const outside = `mkdir -p s/sub; echo one > s/one; echo two > s/sub/two; ln -s one s/l; ln -s s sl; echo x > x; echo y > y
ln -s led br; mkdir t; chmod 751 s; chmod 604 x; chown 11:12 s/one`;

/** Shell lines; `docker` is the client, `c` the container, `show` and `inside` tell what is where. */
const story = `
docker cp c:/d/f .; show .
docker cp c:/d/f newf
docker cp c:/d/f absent/
docker cp c:/d/f absent/f
docker cp c:/d/f x/y
docker cp c:/d/f x/
docker cp c:/d x
docker cp c:/d x/
docker cp c:/d out; show out
docker cp c:/d out; show out
docker cp c:/d/. out2; show out2
docker cp c:/d/. out2; show out2
docker cp c:/d/ out3/; show out3
docker cp c:/d/f out; show out
docker cp c:/d/lf .; show .
docker cp -L c:/d/lf .; show .
docker cp -L c:/d/lf lf2; show .
docker cp c:/ld o4; show .
docker cp -L c:/ld o5; show o5
docker cp c:/ld/. o6; show o6
docker cp c:/ld/ o7; show o7
docker cp c:/broken .; show .
docker cp -L c:/broken b2
docker cp c:/nope .
docker cp c: .
docker cp c:nope .
docker cp c:d/f rel; show .
docker cp nobody:/x .
docker cp c:/d/f/ z
docker cp c:/d/f/x z
docker cp c:/d - | tar t | sort
docker cp c:/d/f - | tar tv | sed 's/20.*:.. //'
docker cp c:/d/. - | tar t | sort
docker cp -L c:/lg - | tar tv | sed 's/20.*:.. //'
docker cp c:/d/f /dev/null; ls -l /dev/null | cut -c1
docker cp c:/d/f sl; show s
docker cp c:/d/f br; show .; rm led
docker cp c:/etc/passwd ./a:b; ls a:b
docker cp x c:/e; inside /e
docker cp x c:/e/y; inside /e
docker cp x c:/e/new/
docker cp x c:/nodir/x
docker cp x c:/d/f/
docker cp x c:/d/f; docker exec c cat /d/f
docker cp x c:
docker cp x c:e/rel; inside /e
docker cp s c:/e; inside /e
docker cp s c:/e/s2; inside /e/s2
docker cp s/. c:/e/s3; inside /e/s3
docker cp s/. c:/e/s3; inside /e/s3
docker cp s/ c:/e/s4/; inside /e/s4
docker cp s c:/d/f
docker cp s c:/e/no/no
docker cp -L sl c:/e/s5; inside /e/s5
docker cp sl c:/e/s6; inside /e/s6
docker cp sl c:/e; inside /e/sl
docker cp sl/. c:/e/s7; inside /e/s7
docker cp sl/ c:/e/s8; inside /e/s8
docker cp -L s/l c:/e/l1; inside /e/l1
docker cp s/l c:/e/l2; inside /e/l2
docker cp br c:/e/; inside /e/br
docker cp x c:/ld; inside /d
docker cp x c:/lg; docker exec c cat /d/sub/g
docker cp x c:/broken; inside /nope
docker cp x c:/fifo; inside /fifo
docker cp x c:/dev/null
docker cp nope c:/e
docker cp x/ c:/e
docker cp x/. c:/e
docker cp x nobody:/e
docker cp '' c:/e
docker cp c:/e ''
docker cp x y
docker cp c:/e c:/f
docker cp - c:/e </dev/null
tar c s | docker cp - c:/e/absent
tar c s x | docker cp - c:/e/s2; inside /e/s2
tar c s x | docker cp - c:/d/f
tar c s x | docker cp - c:/ld; inside /d
tar cz x | docker cp - c:/e/s; inside /e/s
docker cp -a s c:/e/sa; inside /e/sa
docker cp s c:/e/sb; inside /e/sb
docker cp s/../x c:/e/x9; inside /e/x9
docker cp -q x c:/e
docker cp --quiet=false x c:/e
docker cp --quiet=false c:/d/f q
docker stop -t 0 c; docker cp c:/d/f stopped; docker cp x c:/d/stopped; docker cp c:/d/stopped - | tar t
mkfifo ff; docker cp ff c:/d/; docker cp c:/d/ff ff2; show ff2
`
  .trim()
  .split("\n");

test("the same lines print the same through both clients, and leave the same trees", async () => {
  mkdirSync(join(directory, "bin"));
  symlinkSync(dhowBinary, join(directory, "bin", "docker"));
  const told = await Promise.all(
    clients.map(async (client) => {
      const home = join(directory, client);
      mkdirSync(home);
      const name = `cp-${client}`;
      await daemon().must("run", "-d", "--name", name, "--stop-timeout", "0", "busybox", "sh", "-c", inside);
      const binary = client === "dhow" ? join(directory, "bin", "docker") : "docker";
      const named = story.map((line) =>
        line.replace(/(?<!\w)c:/g, `${name}:`).replace(/(exec|-t 0) c\b/g, `$1 ${name}`),
      );
      const script = `docker() { command ${binary} "$@"; }
show() { find "$1" -printf '%p %y %m %l\\n' | sort; }
inside() { docker exec ${name} find "$1" -exec stat -c '%n %F %a %u:%g' {} + | sort; }
cd ${home}
${outside}
while IFS= read -r line; do echo "### $line"; eval "$line" 2>&1 </dev/null; echo "=> $?"; done <<'STORY'
${named.join("\n")}
STORY`;
      const { stdout } = await run(["bash", "-c", script], {
        env: { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0", HOME: home },
      });
      // The stock client's packer complains when nobody reads on, or does not, as it happens.
      const steady = stdout.replace(/^time="[^"]*" level=error msg="Can't .*tar.*\n/gm, "");
      return steady.replaceAll(home, "HOME").replaceAll(name, "c").split("### ");
    }),
  );
  const [ours = [], theirs = []] = told;
  expect(ours.length).toBe(story.length + 1);
  expect(ours.filter((part, at) => part !== theirs[at])).toEqual(theirs.filter((part, at) => part !== ours[at]));
});

describe.each(["running", "stopped"])("the archive endpoints of a %s container", (state) => {
  const name = `archive-${state}`;
  const bind = join(directory, `bind-${state}`);
  const request = (method: string, path: string, more = "", body?: Buffer) =>
    fetch(`http://d/containers/${name}/archive?path=${encodeURIComponent(path)}${more}`, {
      method,
      unix: daemon().socket,
      ...(body && { body }),
    });
  const setUp = `mkdir -p /d/sub; echo file > /d/f; ln -s f /d/lf; ln -s /d /ld; ln -s /vol /lvol; ln -s ../lvol/deep /d/through
mkdir /vol/deep; echo v > /vol/f; echo g > /vol/deep/g; echo b > /bind/f; exec sleep 600`;

  beforeAll(async () => {
    mkdirSync(bind);
    const mounts = [
      "-v",
      `vol-${state}:/vol`,
      "-v",
      `ro-${state}:/ro:ro`,
      "-v",
      `${bind}:/bind`,
      "-v",
      "/etc/hostname:/file",
    ];
    await daemon().must("run", "-d", "--name", name, "--stop-timeout", "0", ...mounts, "busybox", "sh", "-c", setUp);
    await Bun.sleep(300);
    if (state === "stopped") await daemon().must("stop", name);
  });

  const statOf = async (path: string) => {
    const answer = await request("HEAD", path);
    const header = answer.headers.get("x-docker-container-path-stat");
    return header ? JSON.parse(Buffer.from(header, "base64").toString()) : answer.status;
  };

  // As dockerd 28.5.2 answers.
  test.each([
    ["/d", { name: "d", linkTarget: "" }, ["d/", "d/f", "d/lf", "d/sub/", "d/through"]],
    ["/d/.", { name: ".", linkTarget: "" }, ["./", "./f", "./lf", "./sub/", "./through"]],
    ["/d/lf", { name: "lf", linkTarget: "/d/f" }, ["lf"]],
    ["/ld", { name: "ld", linkTarget: "/d" }, ["ld"]],
    ["/ld/", { name: "ld", linkTarget: "" }, ["ld/", "ld/f", "ld/lf", "ld/sub/", "ld/through"]],
    ["/vol", { name: "vol", linkTarget: "" }, ["vol/", "vol/deep/", "vol/deep/g", "vol/f"]],
    ["/vol/", { name: "vol", linkTarget: "" }, ["vol/", "vol/deep/", "vol/deep/g", "vol/f"]],
    ["/vol/.", { name: ".", linkTarget: "" }, ["./", "./deep/", "./deep/g", "./f"]],
    ["/vol/deep", { name: "deep", linkTarget: "" }, ["deep/", "deep/g"]],
    ["/lvol", { name: "lvol", linkTarget: "/vol" }, ["lvol"]],
    ["/lvol/", { name: "lvol", linkTarget: "" }, ["lvol/", "lvol/deep/", "lvol/deep/g", "lvol/f"]],
    ["/lvol/f", { name: "f", linkTarget: "" }, ["f"]],
    ["/d/through/g", { name: "g", linkTarget: "" }, ["g"]],
    ["/bind/f", { name: "f", linkTarget: "" }, ["f"]],
    ["/file", { name: "file", linkTarget: "" }, ["file"]],
    ["d/f", { name: "f", linkTarget: "" }, ["f"]],
    ["/../../d/f", { name: "f", linkTarget: "" }, ["f"]],
  ])("%s is told and read under its own name", async (path, stat, names) => {
    expect(await statOf(path)).toMatchObject(stat);
    const tar = Buffer.from(await (await request("GET", path)).arrayBuffer());
    expect([...entriesOf(tar).keys()].sort()).toEqual(names);
  });

  const one = tarOf({ path: "one", type: "file", data: "new" });

  test.each([
    ["GET", "", 400, "bad parameter: pathcannot be empty"],
    ["PUT", "", 400, "bad parameter: pathcannot be empty"],
    ["GET", "/nope", 404, `Could not find the file /nope in container ${name}`],
    ["GET", "/vol/nope", 404, `Could not find the file /vol/nope in container ${name}`],
    ["PUT", "/nope", 404, `Could not find the file /nope in container ${name}`],
    ["PUT", "/ro/nope", 404, `Could not find the file /ro/nope in container ${name}`],
    ["GET", "/d/f/", 400, "lstat /d/f/: not a directory"],
    ["GET", "/d/f/x", 400, "lstat /d/f/x: not a directory"],
    ["PUT", "/d/f", 400, "extraction point is not a directory"],
    ["PUT", "/ro", 400, "mounted volume is marked read-only"],
  ])("%s %j is refused with %d: %s", async (method, path, status, message) => {
    const answer = await request(method, path, "", method === "PUT" ? one : undefined);
    expect({ status: answer.status, body: await answer.json() }).toEqual({ status, body: { message } });
    if (method === "GET") expect((await request("HEAD", path)).status).toBe(status);
  });

  test.each(["/d", "/ld", "/vol", "/lvol", "/lvol/deep", "/d/through", "/bind"])(
    "PUT into %s lands there",
    async (path) => {
      expect((await request("PUT", path, "", one)).status).toBe(200);
      expect(await statOf(`${path}/one`)).toMatchObject({ name: "one", size: 3 });
    },
  );

  test("noOverwriteDirNonDir keeps a directory from a file, and a file from a directory", async () => {
    for (const [tar, words] of [
      [tarOf({ path: "sub", type: "file", data: "" }), "cannot overwrite directory with non-directory"],
      [tarOf({ path: "f", type: "directory" }), "cannot overwrite non-directory with directory"],
    ] as const) {
      const answer = await request("PUT", "/d", "&noOverwriteDirNonDir=1", tar);
      expect([answer.status, ((await answer.json()) as { message: string }).message]).toEqual([
        400,
        expect.stringContaining(words),
      ]);
    }
  });
});

test("a subpath that is a link leads nowhere out of its volume, and what is in it is read and written", async () => {
  const made = "mkdir /v/sub; echo s > /v/sub/f; ln -s /etc /v/evil; echo inside > /v/hostname";
  await daemon().must("run", "--rm", "-v", "paths:/v", "busybox", "sh", "-c", made);
  const mount = (sub: string) => ["--mount", `type=volume,source=paths,target=/m,volume-subpath=${sub}`];
  await daemon().must("create", "--name", "in-sub", ...mount("sub"), "busybox", "true");
  expect(await daemon().must("cp", "in-sub:/m/f", "-")).toContain("s\n");
  await daemon().must("cp", "/etc/hostname", "in-sub:/m/");
  expect(await daemon().must("run", "--rm", "-v", "paths:/v", "busybox", "ls", "/v/sub")).toBe("f\nhostname\n");
  await daemon().must("create", "--name", "in-evil", ...mount("evil"), "busybox", "true");
  const { stderr } = await daemon().dhow("cp", "in-evil:/m/hostname", "-");
  expect(stderr).toContain("Could not find the file /m/hostname in container in-evil");
});

test("a read-only root refuses, its volumes and its tmpfs do not", async () => {
  const flags = ["--read-only", "-v", "ro-vol:/vol", "-v", "ro-ro:/ro:ro", "--tmpfs", "/tmpfs", "--stop-timeout", "0"];
  await daemon().must("run", "-d", "--name", "read-only", ...flags, "busybox", "sleep", "600");
  const copy = async (path: string) => (await daemon().dhow("cp", "/etc/hostname", `read-only:${path}`)).stderr.trim();
  for (const when of ["running", "stopped"]) {
    expect(await copy("/vol/f")).toBe("");
    expect(await copy("/etc")).toBe("Error response from daemon: container rootfs is marked read-only");
    expect(await copy("/ro")).toBe("Error response from daemon: mounted volume is marked read-only");
    const tmpfs = when === "running" ? "" : "Error response from daemon: container rootfs is marked read-only";
    expect(await copy("/tmpfs")).toBe(tmpfs);
    await daemon().must("stop", "read-only");
  }
});
