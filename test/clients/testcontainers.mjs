/** testcontainers, as test suites use it: a container for the length of a test, waited for in one way or another. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GenericContainer, getContainerRuntimeClient, Network, Wait } from "testcontainers";
import { unpack, until } from "./streams.mjs";

export const connect = () => ({});

const sh = (script) => ["sh", "-c", script];
const serve = sh("echo hello > /tmp/index.html; echo serving; exec httpd -f -p 8080 -h /tmp");

const generic = ({ image }) => new GenericContainer(image);

/** Starts a container, hands it to `action` and stops it. */
async function started(container, action) {
  const running = await container.start();
  try {
    return await action(running);
  } finally {
    await running.stop({ timeout: 0 });
  }
}

async function get(container, port) {
  const answer = await fetch(`http://${container.getHost()}:${container.getMappedPort(port)}/`);
  return await answer.text();
}

const containers = async (filters) =>
  await (await getContainerRuntimeClient()).container.dockerode.listContainers({ all: true, filters });

export const cases = {
  "the client finds the daemon by DOCKER_HOST": async () => {
    const { info } = await getContainerRuntimeClient();
    assert.equal(info.containerRuntime.hostIps[0].address.length > 0, true);
    assert.equal(info.containerRuntime.operatingSystemType, "linux");
  },

  "an exposed port is waited for and answers": async (engine) => {
    const container = generic(engine)
      .withCommand(serve)
      .withExposedPorts(8080)
      .withWaitStrategy(Wait.forListeningPorts());
    await started(container, async (running) => {
      assert.equal(await get(running, 8080), "hello\n");
      assert.equal((await running.getId()).length, 64);
    });
  },

  "an HTTP answer is waited for": async (engine) => {
    const wait = Wait.forHttp("/", 8080)
      .forStatusCode(200)
      .forResponsePredicate((text) => text === "hello\n");
    const container = generic(engine).withCommand(serve).withExposedPorts(8080).withWaitStrategy(wait);
    await started(container, async (running) => assert.equal(await get(running, 8080), "hello\n"));
  },

  "a message in the log is waited for, so often as is asked": async (engine) => {
    const script = "for i in 1 2 3; do sleep 0.1; echo ready $i; done; exec sleep 600";
    const container = generic(engine)
      .withCommand(sh(script))
      .withWaitStrategy(Wait.forLogMessage(/ready \d/, 3));
    await started(container, async (running) => {
      const { output, exitCode } = await running.exec(["echo", "after three"]);
      assert.deepEqual({ output, exitCode }, { output: "after three\n", exitCode: 0 });
    });
  },

  "a health check is waited for": async (engine) => {
    const container = generic(engine)
      .withCommand(sh("sleep 0.3; touch /tmp/well; exec sleep 600"))
      .withHealthCheck({ test: ["CMD-SHELL", "test -e /tmp/well"], interval: 100, timeout: 1000, retries: 50 })
      .withWaitStrategy(Wait.forHealthCheck());
    await started(container, async (running) => {
      assert.equal((await running.exec(["test", "-e", "/tmp/well"])).exitCode, 0);
    });
  },

  "a command that succeeds is waited for, and an end": async (engine) => {
    const successful = generic(engine)
      .withCommand(sh("sleep 0.2; touch /tmp/made; exec sleep 600"))
      .withWaitStrategy(Wait.forSuccessfulCommand("test -e /tmp/made"));
    await started(successful, async () => {});
    const once = generic(engine).withCommand(["true"]).withWaitStrategy(Wait.forOneShotStartup());
    await started(once, async () => {});
  },

  "a wait that is in vain fails, and the container goes": async (engine) => {
    const labels = { "testcontainers-vain": "yes" };
    const container = generic(engine)
      .withCommand(["sleep", "600"])
      .withLabels(labels)
      .withStartupTimeout(500)
      .withWaitStrategy(Wait.forLogMessage("never"));
    await assert.rejects(container.start(), /Log message "never" not received after 500ms/);
    assert.deepEqual(await containers({ label: ["testcontainers-vain"] }), []);
  },

  "exec has a user, a folder, variables, and both streams": async (engine) => {
    await started(generic(engine).withCommand(["sleep", "600"]), async (running) => {
      const script = "id -u; pwd; echo $A; echo err >&2; exit 4";
      const options = { user: "1000", workingDir: "/tmp", env: { A: "b" } };
      const { output, stdout, stderr, exitCode } = await running.exec(sh(script), options);
      assert.deepEqual({ stdout, stderr, exitCode }, { stdout: "1000\n/tmp\nb\n", stderr: "err\n", exitCode: 4 });
      assert.equal(output.length, stdout.length + stderr.length);
    });
  },

  "files, folders and texts are copied in, before and after the start, and out": async (engine) => {
    const directory = await mkdtemp(join(tmpdir(), "dhow-testcontainers-"));
    try {
      await writeFile(join(directory, "one.txt"), "one");
      const container = generic(engine)
        .withCommand(sh("cat /tmp/in/one.txt /tmp/text.txt; exec sleep 600"))
        .withCopyDirectoriesToContainer([{ source: directory, target: "/tmp/in" }])
        .withCopyContentToContainer([{ content: " and text\n", target: "/tmp/text.txt", mode: 0o640 }])
        .withWaitStrategy(Wait.forLogMessage("one and text"));
      await started(container, async (running) => {
        await running.copyFilesToContainer([{ source: join(directory, "one.txt"), target: "/home/later.txt" }]);
        const { output } = await running.exec(sh("cat /home/later.txt; stat -c %a /tmp/text.txt"));
        assert.equal(output, "one640\n");
        const out = await unpack(await running.copyArchiveFromContainer("/tmp/in"));
        assert.deepEqual(out, { "in/": "", "in/one.txt": "one" });
      });
      assert.equal(await readFile(join(directory, "one.txt"), "utf8"), "one");
    } finally {
      await rm(directory, { recursive: true });
    }
  },

  "logs are streamed to the end": async (engine) => {
    const script = "echo first; sleep 0.4; echo second; exec sleep 600";
    const container = generic(engine).withCommand(sh(script)).withWaitStrategy(Wait.forLogMessage("first"));
    await started(container, async (running) => {
      let text = "";
      const logs = await running.logs();
      logs.on("data", (chunk) => (text += chunk));
      await until("the second line", () => text.includes("second\n"));
      logs.destroy();
      const tail = await running.logs({ tail: 1 });
      let last = "";
      tail.on("data", (chunk) => (last += chunk));
      await until("the tail", () => last !== "");
      tail.destroy();
      assert.equal(last, "second\n");
    });
  },

  "containers on one network find each other by alias": async (engine) => {
    const network = await new Network().start();
    try {
      const server = generic(engine)
        .withCommand(serve)
        .withNetwork(network)
        .withNetworkAliases("server")
        .withWaitStrategy(Wait.forLogMessage("serving"));
      await started(server, async (running) => {
        const asker = generic(engine).withCommand(["sleep", "600"]).withNetwork(network);
        await started(asker, async (other) => {
          await until(
            "the server",
            async () => (await other.exec(["wget", "-qO-", "http://server:8080/"])).output === "hello\n",
          );
          assert.match(running.getIpAddress(network.getName()), /^\d+\.\d+\.\d+\.\d+$/);
        });
      });
    } finally {
      await network.stop();
    }
  },

  "restart keeps the container and its files": async (engine) => {
    const container = generic(engine)
      .withCommand(serve)
      .withExposedPorts(8080)
      .withWaitStrategy(Wait.forListeningPorts());
    await started(container, async (running) => {
      const id = running.getId();
      await running.exec(["touch", "/tmp/kept"]);
      await running.restart({ timeout: 0 });
      assert.equal(running.getId(), id);
      assert.equal((await running.exec(["test", "-e", "/tmp/kept"])).exitCode, 0);
      assert.equal(await get(running, 8080), "hello\n");
    });
  },

  "stop removes, or keeps when told to, and commit makes an image": async (engine) => {
    const container = generic(engine).withCommand(["sleep", "600"]).withName("testcontainers-kept");
    const running = await container.start();
    const image = await running.commit({ repo: "testcontainers-commit", tag: "1" });
    assert.match(image, /^sha256:/);
    await running.stop({ remove: false, timeout: 0 });
    const [kept] = await containers({ name: ["testcontainers-kept"] });
    assert.equal(kept.State, "exited");
    const { dockerode } = (await getContainerRuntimeClient()).container;
    await dockerode.getContainer(kept.Id).remove();
    await dockerode.getImage("testcontainers-commit:1").remove();
    await started(generic(engine).withCommand(["sleep", "600"]).withName("testcontainers-gone"), async () => {});
    assert.deepEqual(await containers({ name: ["testcontainers-gone"] }), []);
  },

  "variables, labels, tmpfs, a bound folder, a user and limits arrive": async (engine) => {
    const directory = await mkdtemp(join(tmpdir(), "dhow-testcontainers-"));
    try {
      await writeFile(join(directory, "bound"), "from outside");
      await chmod(directory, 0o755);
      const container = generic(engine)
        .withEnvironment({ GREETING: "hello" })
        .withLabels({ made: "by a test" })
        .withTmpFs({ "/scratch": "rw,size=1m" })
        .withBindMounts([{ source: directory, target: "/bound", mode: "ro" }])
        .withWorkingDir("/tmp")
        .withUser("1000")
        .withResourcesQuota({ memory: 0.1, cpu: 0.5 })
        .withEntrypoint(["sh", "-c"])
        .withCommand(["exec sleep 600"]);
      await started(container, async (running) => {
        const { output } = await running.exec(
          sh("echo $GREETING $(pwd) $(id -u) $(cat /bound/bound); grep -c ' /scratch tmpfs' /proc/mounts"),
        );
        assert.equal(output, "hello /tmp 1000 from outside\n1\n");
        assert.equal(running.getLabels().made, "by a test");
        assert.notEqual((await running.exec(["touch", "/bound/no"])).exitCode, 0);
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  },

  "a container marked for reuse is found again": async (engine) => {
    const container = () => generic(engine).withCommand(["sleep", "600"]).withLabels({ reused: "yes" }).withReuse();
    const first = await container().start();
    const second = await container().start();
    try {
      assert.equal(second.getId(), first.getId());
    } finally {
      await second.stop({ timeout: 0 });
    }
  },

  "an image is built from a directory with a Dockerfile": async (engine) => {
    const directory = await mkdtemp(join(tmpdir(), "dhow-testcontainers-"));
    try {
      await writeFile(
        join(directory, "Dockerfile"),
        `FROM ${engine.image}\nARG WHO\nRUN echo hello $WHO > /greeting\n`,
      );
      const built = await GenericContainer.fromDockerfile(directory).withBuildArgs({ WHO: "you" }).build();
      await started(built.withCommand(["sleep", "600"]), async (running) => {
        assert.equal((await running.exec(["cat", "/greeting"])).output, "hello you\n");
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};
