/** dockerode, the client beneath most of what Node programs do with Docker. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import Docker from "dockerode";
import { collect, frames, pack, unpack, until } from "./streams.mjs";

export const connect = (socketPath) => ({ docker: new Docker({ socketPath }) });

/** Creates a container, hands it to `action` and removes it. */
async function withContainer({ docker, image }, options, action) {
  const container = await docker.createContainer({ Image: image, ...options });
  try {
    return await action(container);
  } finally {
    await container.remove({ force: true, v: true }).catch(() => {});
  }
}

/** The same, started. */
function withRunning(engine, options, action) {
  return withContainer(engine, { Cmd: ["sleep", "600"], StopSignal: "SIGKILL", ...options }, async (container) => {
    await container.start();
    return action(container);
  });
}

const sh = (script) => ["sh", "-c", script];

export const cases = {
  "ping, version, info and df answer": async ({ docker }) => {
    assert.equal(String(await docker.ping()), "OK");
    const version = await docker.version();
    assert.match(version.ApiVersion, /^1\.\d+$/);
    assert.equal(version.Os, "linux");
    const info = await docker.info();
    assert.equal(info.OSType, "linux");
    assert.ok(info.Images >= 1);
    const df = await docker.df();
    assert.ok(df.LayersSize > 0 && Array.isArray(df.Images) && Array.isArray(df.Volumes));
  },

  "images are imported, tagged, listed, saved, loaded and removed": async ({ docker, tar }) => {
    const answer = await docker.importImage(tar, { fromSrc: "-", repo: "dockerode-import", tag: "one" });
    const told = await new Promise((resolve, reject) =>
      docker.modem.followProgress(answer, (error, list) => (error ? reject(error) : resolve(list))),
    );
    const id = told.at(-1).status;
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    const image = docker.getImage("dockerode-import:one");
    assert.equal((await image.inspect()).Id, id);
    await image.tag({ repo: "dockerode-import", tag: "two" });
    const listed = await docker.listImages({ filters: { reference: ["dockerode-import"] } });
    assert.deepEqual(listed[0].RepoTags.sort(), ["dockerode-import:one", "dockerode-import:two"]);
    assert.equal((await image.history()).length, 1);
    const saved = await collect(await image.get());
    const untagged = await docker.getImage("dockerode-import:two").remove();
    assert.deepEqual(untagged, [{ Untagged: "dockerode-import:two" }]);
    const deleted = await image.remove({ force: true });
    assert.equal(deleted[0].Untagged, "dockerode-import:one");
    assert.equal(deleted.at(-1).Deleted.startsWith("sha256:"), true);
    await assert.rejects(image.inspect(), { statusCode: 404 });
    const body = new PassThrough();
    body.end(saved);
    const loaded = await docker.loadImage(body);
    assert.match(String(await collect(loaded)), /Loaded image: dockerode-import:one/);
    assert.equal((await image.inspect()).RepoTags[0], "dockerode-import:one");
    await image.remove();
  },

  "a container's life: created, started, waited for, read, removed": async (engine) => {
    const options = {
      name: "dockerode-life",
      Cmd: sh("echo out; echo err >&2; exit 7"),
      Env: ["A=b"],
      Labels: { x: "y" },
    };
    await withContainer(engine, options, async (container) => {
      const made = await container.inspect();
      assert.equal(made.Name, "/dockerode-life");
      assert.equal(made.State.Status, "created");
      assert.deepEqual(made.Config.Labels.x, "y");
      const exit = container.wait({ condition: "next-exit" });
      await container.start();
      assert.equal((await exit).StatusCode, 7);
      const { State } = await container.inspect();
      assert.equal(State.ExitCode, 7);
      assert.equal(State.Running, false);
      const log = frames(await container.logs({ stdout: true, stderr: true }));
      assert.deepEqual(log, { stdout: "out\n", stderr: "err\n" });
      assert.equal((await container.wait()).StatusCode, 7);
      await container.remove();
      await assert.rejects(container.inspect(), { statusCode: 404, reason: "no such container" });
    });
  },

  "attach without a terminal carries stdin, stdout and stderr apart": async (engine) => {
    const open = { OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true };
    await withContainer(engine, { ...open, Cmd: sh("echo ready >&2; cat") }, async (container) => {
      const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
      const out = new PassThrough();
      const err = new PassThrough();
      container.modem.demuxStream(stream, out, err);
      stream.on("end", () => {
        out.end();
        err.end();
      });
      await container.start();
      const big = "line of text\n".repeat(20_000);
      stream.end(`${big}last\n`);
      const [stdout, stderr] = await Promise.all([collect(out), collect(err)]);
      assert.equal(String(stdout), `${big}last\n`);
      assert.equal(String(stderr), "ready\n");
      assert.equal((await container.wait()).StatusCode, 0);
    });
  },

  "attach to a terminal is raw, and takes a size": async (engine) => {
    const open = { Tty: true, OpenStdin: true, AttachStdin: true, AttachStdout: true, AttachStderr: true };
    await withContainer(engine, { ...open, Cmd: ["sh"] }, async (container) => {
      const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
      let seen = "";
      stream.on("data", (chunk) => (seen += chunk));
      await container.start();
      await container.resize({ h: 33, w: 111 });
      stream.write("stty size\n");
      await until("the size", () => seen.includes("33 111"));
      stream.write("exit 3\n");
      assert.equal((await container.wait()).StatusCode, 3);
      await until("the end", () => stream.readableEnded || stream.destroyed);
    });
  },

  "docker.run attaches, starts, waits and writes to a stream": async ({ docker, image }) => {
    const out = new PassThrough();
    const told = collect(out);
    const [result, container] = await docker.run(image, sh("echo from run; exit 2"), out);
    out.end();
    assert.equal(result.StatusCode, 2);
    assert.match(String(await told), /from run/);
    await container.remove();
  },

  "exec runs with hijacked streams and tells its exit code": async (engine) => {
    await withRunning(engine, {}, async (container) => {
      const exec = await container.exec({
        Cmd: sh('echo "$A $PWD" >&2; cat; exit 5'),
        Env: ["A=b"],
        WorkingDir: "/tmp",
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
      });
      assert.equal((await exec.inspect()).Running, false);
      const stream = await exec.start({ hijack: true, stdin: true });
      stream.end("to stdin\n");
      assert.deepEqual(frames(await collect(stream)), { stdout: "to stdin\n", stderr: "b /tmp\n" });
      const { ExitCode, Running } = await exec.inspect();
      assert.deepEqual({ ExitCode, Running }, { ExitCode: 5, Running: false });

      const plain = await container.exec({ Cmd: ["echo", "no hijack"], AttachStdout: true });
      assert.deepEqual(frames(await collect(await plain.start({}))), { stdout: "no hijack\n", stderr: "" });

      const tty = await container.exec({ Cmd: ["tty"], AttachStdout: true, Tty: true });
      assert.match(String(await collect(await tty.start({ Tty: true }))), /^\/dev\/pts\/\d+\r\n$/);

      const detached = await container.exec({ Cmd: ["touch", "/tmp/made"] });
      await detached.start({ Detach: true });
      await until("the detached command", async () => (await detached.inspect()).ExitCode === 0);
      await container.infoArchive({ path: "/tmp/made" });
    });
  },

  "logs follow, and end at the tail, the time and the stream asked for": async (engine) => {
    const script = "echo odd >&2; sleep 0.1; for i in 1 2 3; do echo line $i; done; sleep 0.3; echo later";
    await withContainer(engine, { Cmd: sh(script) }, async (container) => {
      await container.start();
      const followed = frames(await collect(await container.logs({ follow: true, stdout: true, stderr: true })));
      assert.deepEqual(followed, { stdout: "line 1\nline 2\nline 3\nlater\n", stderr: "odd\n" });
      const tail = await container.logs({ stdout: true, tail: 2 });
      assert.equal(frames(tail).stdout, "line 3\nlater\n");
      const stamped = frames(await container.logs({ stderr: true, timestamps: true })).stderr;
      assert.match(stamped, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z odd\n$/);
      const since = Math.floor(Date.now() / 1000) + 60;
      assert.equal((await container.logs({ stdout: true, since })).length, 0);
      await assert.rejects(container.logs({}), { statusCode: 400 });
    });
  },

  "a stream that the client aborts ends": async (engine) => {
    await withRunning(engine, { Cmd: sh("while sleep 0.05; do echo tick; done") }, async (container) => {
      const abort = new AbortController();
      const stream = await container.logs({ follow: true, stdout: true, abortSignal: abort.signal });
      const ended = new Promise((resolve) => stream.on("error", resolve).on("close", resolve));
      stream.once("data", () => abort.abort());
      await ended;
      assert.equal((await container.inspect()).State.Running, true);
    });
  },

  "stats come once, at once, or as a stream": async (engine) => {
    await withRunning(engine, { HostConfig: { Memory: 64 << 20 } }, async (container) => {
      const from = Date.now();
      const shot = await container.stats({ stream: false, "one-shot": true });
      assert.ok(Date.now() - from < 900, "one-shot does not wait for a second sample");
      assert.equal(shot.memory_stats.limit, 64 << 20);
      const once = await container.stats({ stream: false });
      assert.ok(once.precpu_stats.system_cpu_usage > 0 && once.cpu_stats.online_cpus > 0);
      assert.equal(once.pids_stats.current, 1);
      assert.ok(Object.hasOwn(once.networks, "eth0"));
      const stream = await container.stats({ stream: true });
      let text = "";
      stream.on("data", (chunk) => (text += chunk));
      await until("two samples", () => text.split("\n").length > 2);
      stream.destroy();
      const [first, second] = text.split("\n").map((line) => (line ? JSON.parse(line) : undefined));
      assert.equal(second.preread, first.read);
    });
  },

  "events stream by filter, and a past stretch is told and ended": async (engine) => {
    const { docker } = engine;
    const from = Math.floor(Date.now() / 1000);
    const stream = await docker.getEvents({ filters: { label: ["dockerode=events"], type: ["container"] } });
    let text = "";
    stream.on("data", (chunk) => (text += chunk));
    const told = () =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).Action);
    const options = { Cmd: ["false"], Labels: { dockerode: "events" }, HostConfig: { NetworkMode: "none" } };
    await withContainer(engine, options, async (container) => {
      await container.start();
      await container.wait();
      await container.remove();
      await until("destroy", () => told().includes("destroy"));
    });
    stream.destroy();
    assert.deepEqual(told(), ["create", "start", "die", "destroy"]);
    const until_ = Math.ceil(Date.now() / 1000) + 1;
    const filters = { label: ["dockerode=events"], event: ["die"] };
    const past = await docker.getEvents({ since: from, until: until_, filters });
    const [died] = String(await collect(past))
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    assert.equal(died.Actor.Attributes.exitCode, "1");
  },

  "archives go in and come out, before start and while it runs": async (engine) => {
    await withContainer(engine, { Cmd: ["sleep", "600"] }, async (container) => {
      await container.putArchive(pack({ "dir/one.txt": "one", "two.txt": "two" }), { path: "/tmp" });
      await container.start();
      const out = await unpack(await container.getArchive({ path: "/tmp/dir" }));
      assert.deepEqual(out, { "dir/": "", "dir/one.txt": "one" });
      await container.putArchive(pack({ "three.txt": "x".repeat(3 << 20) }), { path: "/var/log" });
      assert.equal(
        (await unpack(await container.getArchive({ path: "/var/log/three.txt" })))["three.txt"].length,
        3 << 20,
      );
      const stat = await container.infoArchive({ path: "/tmp/two.txt" });
      const { name, size } = JSON.parse(Buffer.from(stat.headers?.["x-docker-container-path-stat"] ?? "", "base64"));
      assert.deepEqual({ name, size }, { name: "two.txt", size: 3 });
      await assert.rejects(container.getArchive({ path: "/nowhere" }), { statusCode: 404 });
      await assert.rejects(container.putArchive(pack({ a: "b" }), { path: "/nowhere" }), { statusCode: 404 });
    });
  },

  "containers are listed by status, label, name, ancestor and count": async (engine) => {
    const { docker, image } = engine;
    const labels = (n) => ({ Labels: { "dockerode.list": n } });
    await withRunning(engine, { name: "dockerode-up", ...labels("1") }, (up) =>
      withContainer(engine, { name: "dockerode-made", Cmd: ["true"], ...labels("2") }, async (made) => {
        const ids = async (options) => (await docker.listContainers(options)).map(({ Id }) => Id);
        const label = ["dockerode.list"];
        assert.deepEqual(await ids({ filters: { label } }), [up.id]);
        assert.deepEqual(await ids({ all: true, filters: { label } }), [made.id, up.id]);
        assert.deepEqual(await ids({ all: true, filters: { label: ["dockerode.list=2"] } }), [made.id]);
        assert.deepEqual(await ids({ filters: { status: ["created"], label } }), [made.id]);
        assert.deepEqual(await ids({ all: true, filters: { name: ["dockerode-up"] } }), [up.id]);
        assert.deepEqual(
          await ids({ filters: JSON.stringify({ ancestor: { [image]: true }, label: { "dockerode.list": true } }) }),
          [up.id],
        );
        assert.deepEqual(await ids({ limit: 1, filters: { label } }), [made.id]);
        const [summary] = await docker.listContainers({ size: true, filters: { id: [up.id] } });
        assert.equal(summary.State, "running");
        assert.match(summary.Status, /^Up /);
        assert.ok(summary.SizeRootFs > 0 && Array.isArray(summary.Ports));
        await assert.rejects(docker.listContainers({ filters: { nonsense: ["x"] } }), { statusCode: 400 });
      }),
    );
  },

  "prune takes stopped containers, volumes and networks by label": async (engine) => {
    const { docker } = engine;
    const Labels = { "dockerode.prune": "yes" };
    const filters = { label: ["dockerode.prune=yes"] };
    const container = await docker.createContainer({ Image: engine.image, Cmd: ["true"], Labels });
    await withContainer(engine, { Cmd: ["true"] }, async (unlabelled) => {
      assert.deepEqual((await docker.pruneContainers({ filters })).ContainersDeleted, [container.id]);
      await unlabelled.inspect();
    });
    await docker.createVolume({ Name: "dockerode-pruned", Labels });
    const volumes = await docker.pruneVolumes({ filters: { ...filters, all: ["true"] } });
    assert.deepEqual(volumes.VolumesDeleted, ["dockerode-pruned"]);
    await docker.createNetwork({ Name: "dockerode-pruned", Labels });
    assert.deepEqual((await docker.pruneNetworks({ filters })).NetworksDeleted, ["dockerode-pruned"]);
    const images = await docker.pruneImages({ filters });
    assert.equal(images.SpaceReclaimed, 0);
  },

  "networks are made, joined, left, inspected and removed": async (engine) => {
    const { docker } = engine;
    const network = await docker.createNetwork({ Name: "dockerode-net", Driver: "bridge", CheckDuplicate: true });
    try {
      await assert.rejects(docker.createNetwork({ Name: "dockerode-net" }), { statusCode: 409 });
      await withRunning(engine, { name: "dockerode-server" }, async (container) => {
        await network.connect({ Container: container.id, EndpointConfig: { Aliases: ["served"] } });
        const { Containers } = await network.inspect();
        assert.equal(Containers[container.id].Name, "dockerode-server");
        const { Networks } = (await container.inspect()).NetworkSettings;
        assert.deepEqual(Object.keys(Networks).sort(), ["bridge", "dockerode-net"]);
        assert.ok(Networks["dockerode-net"].Aliases.includes("served"));
        const look = { Cmd: ["nslookup", "served"], HostConfig: { NetworkMode: "dockerode-net" } };
        await withContainer(engine, look, async (asker) => {
          await asker.start();
          assert.equal((await asker.wait()).StatusCode, 0);
        });
        await assert.rejects(network.remove(), { statusCode: 403 });
        await network.disconnect({ Container: container.id, Force: true });
        assert.deepEqual(Object.keys((await container.inspect()).NetworkSettings.Networks), ["bridge"]);
      });
      const [listed] = await docker.listNetworks({ filters: { name: ["dockerode-net"] } });
      assert.equal(listed.Id, network.id);
    } finally {
      await network.remove();
    }
    await assert.rejects(network.inspect(), { statusCode: 404 });
  },

  "volumes are made, shared by containers, listed and removed": async (engine) => {
    const { docker } = engine;
    const volume = await docker.createVolume({ Name: "dockerode-volume", Labels: { a: "b" } });
    try {
      const HostConfig = { Binds: ["dockerode-volume:/kept"] };
      for (const Cmd of [sh("echo kept > /kept/file"), ["grep", "kept", "/kept/file"]]) {
        await withContainer(engine, { Cmd, HostConfig }, async (container) => {
          await container.start();
          assert.equal((await container.wait()).StatusCode, 0);
          await assert.rejects(docker.getVolume("dockerode-volume").remove(), { statusCode: 409 });
        });
      }
      const handle = docker.getVolume("dockerode-volume");
      assert.deepEqual((await handle.inspect()).Labels, { a: "b" });
      const { Volumes } = await docker.listVolumes({ filters: { label: ["a=b"] } });
      assert.deepEqual(
        Volumes.map(({ Name }) => Name),
        ["dockerode-volume"],
      );
    } finally {
      await docker.getVolume(volume.name ?? "dockerode-volume").remove();
    }
    await assert.rejects(docker.getVolume("dockerode-volume").inspect(), { statusCode: 404 });
  },

  "stop, restart, kill, pause, rename, update, top, changes and commit": async (engine) => {
    const { docker } = engine;
    await withRunning(engine, { name: "dockerode-verbs" }, async (container) => {
      assert.equal((await container.top({ ps_args: "-o pid,args" })).Processes.length, 1);
      await assert.rejects(container.start(), { statusCode: 304 });
      await container.pause();
      assert.equal((await container.inspect()).State.Paused, true);
      await container.unpause();
      await container.update({ Memory: 96 << 20, MemorySwap: -1, RestartPolicy: { Name: "no" } });
      assert.equal((await container.inspect()).HostConfig.Memory, 96 << 20);
      await container.rename({ name: "dockerode-renamed" });
      const { StartedAt } = (await container.inspect()).State;
      await container.restart({ t: 0 });
      const again = await docker.getContainer("dockerode-renamed").inspect();
      assert.notEqual(again.State.StartedAt, StartedAt);
      await container.putArchive(pack({ added: "x" }), { path: "/tmp" });
      const changes = await container.changes();
      assert.ok(changes.some(({ Path, Kind }) => Path === "/tmp/added" && Kind === 1));
      const { Id } = await container.commit({ repo: "dockerode-commit", changes: "LABEL made=here" });
      const image = docker.getImage("dockerode-commit");
      const made = await image.inspect();
      assert.deepEqual([made.Id, made.Config.Labels.made], [Id, "here"]);
      await image.remove();
      const exported = await unpack(await container.export());
      assert.equal(exported["tmp/added"], "x");
      const stopped = container.wait({ condition: "not-running" });
      await container.kill({ signal: "SIGKILL" });
      assert.equal((await stopped).StatusCode, 137);
      await assert.rejects(container.kill(), { statusCode: 409 });
      await container.start();
      await container.stop({ t: 1 });
      await assert.rejects(container.stop(), { statusCode: 304 });
    });
  },

  "a published port answers, and a healthcheck tells": async (engine) => {
    const options = {
      Cmd: sh("echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"),
      ExposedPorts: { "8080/tcp": {} },
      Healthcheck: { Test: ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/"], Interval: 2e8, Retries: 20 },
      HostConfig: { PortBindings: { "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } },
    };
    await withRunning(engine, options, async (container) => {
      await until("health", async () => (await container.inspect()).State.Health.Status === "healthy");
      const [{ HostPort }] = (await container.inspect()).NetworkSettings.Ports["8080/tcp"];
      const answer = await fetch(`http://127.0.0.1:${HostPort}/`);
      assert.equal(await answer.text(), "hello\n");
    });
  },

  "errors carry dockerd's status and words": async (engine) => {
    const { docker, image } = engine;
    const message = (text) => (error) => error.json.message === text || assert.equal(error.json.message, text);
    await assert.rejects(docker.getContainer("nobody").inspect(), message("No such container: nobody"));
    await assert.rejects(docker.createContainer({ Image: "no-such:1" }), message("No such image: no-such:1"));
    await assert.rejects(docker.getExec("nothing").inspect(), message("No such exec instance: nothing"));
    await assert.rejects(docker.getVolume("nothing").inspect(), message("get nothing: no such volume"));
    await assert.rejects(docker.getNetwork("nothing").inspect(), message("network nothing not found"));
    await assert.rejects(docker.getImage("nothing").inspect(), message("No such image: nothing:latest"));
    await withContainer(engine, { name: "dockerode-twice", Cmd: ["true"] }, async ({ id }) => {
      const taken = `Conflict. The container name "/dockerode-twice" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`;
      await assert.rejects(
        docker.createContainer({ name: "dockerode-twice", Image: image, Cmd: ["true"] }),
        message(taken),
      );
    });
    await assert.rejects(docker.createContainer({ Image: image }), message("no command specified"));
    await withContainer(engine, { Cmd: ["/no/such/program"] }, async (container) => {
      await assert.rejects(container.start(), { statusCode: 400 });
      assert.equal((await container.inspect()).State.ExitCode, 127);
    });
  },

  "many containers and execs at once": async (engine) => {
    const { docker, image } = engine;
    await withRunning(engine, {}, async (container) => {
      const exec = async (n) => {
        const made = await container.exec({ Cmd: ["echo", String(n)], AttachStdout: true });
        return frames(await collect(await made.start({ hijack: true }))).stdout;
      };
      const numbers = Array.from({ length: 10 }, (_, n) => n);
      assert.deepEqual(
        await Promise.all(numbers.map(exec)),
        numbers.map((n) => `${n}\n`),
      );
      const run = async (n) => {
        const out = new PassThrough();
        const told = collect(out);
        const [{ StatusCode }] = await docker.run(image, sh(`exit ${n}`), out, { HostConfig: { AutoRemove: true } });
        out.end();
        await told;
        return StatusCode;
      };
      assert.deepEqual(await Promise.all(numbers.slice(0, 5).map(run)), [0, 1, 2, 3, 4]);
    });
  },

  "an image is built of a tar, and a failure comes with its code": async ({ docker, image }) => {
    const build = async (dockerfile, options = {}) => {
      const context = await collect(pack({ Dockerfile: dockerfile, f: "file" }));
      const stream = await docker.buildImage(context, { t: "dockerode:built", ...options });
      return new Promise((resolve, reject) =>
        docker.modem.followProgress(stream, (error, log) => (error ? reject(error) : resolve(log))),
      );
    };
    const log = await build(`FROM ${image}\nCOPY f /f\nLABEL a=b\n`);
    const { ID } = log.find(({ aux }) => aux).aux;
    const built = docker.getImage("dockerode:built");
    const { Id, Config } = await built.inspect();
    assert.deepEqual([Id, Config.Labels.a], [ID, "b"]);
    await built.remove();
    const { errorDetail } = (await build(`FROM ${image}\nRUN exit 5\n`)).at(-1);
    assert.equal(errorDetail.code, 5);
    assert.match(errorDetail.message, /returned a non-zero code: 5/);
    await docker.pruneBuilder();
  },
};
