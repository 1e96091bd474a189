"""
Debian's python3-docker driving an engine, each case in turn:
  python3 docker-py.py list                                   the names of the cases, as JSON
  python3 docker-py.py /run/docker.sock busybox busybox.tar   one line of JSON for each case: {name, ms, error?}
"""
import io
import json
import sys
import tarfile
import time
import traceback

import docker
import docker.errors
import docker.types

cases = {}


def case(name):
    """Adds a function to the cases under `name`."""

    def add(action):
        cases[name] = action
        return action

    return add


class Engine:
    """The client, and what a case needs to know of the image."""

    def __init__(self, socket, image, tar):
        self.client = docker.DockerClient(base_url=f"unix://{socket}", version="auto", timeout=30)
        self.image = image
        self.tar = tar

    def sleeping(self, **options):
        """A container that runs, and ends at once when it is told to."""
        return Running(self.client.containers.run(self.image, ["sleep", "600"], detach=True, stop_signal="SIGKILL", **options))


class Running:
    """Removes its container at the end of a `with`."""

    def __init__(self, container):
        self.container = container

    def __enter__(self):
        return self.container

    def __exit__(self, *_):
        self.container.remove(force=True, v=True)


def equal(left, right):
    if left != right:
        raise AssertionError(f"{left!r} is not {right!r}")


def refused(kind, action):
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def packed(files):
    """A tar of name to bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@case("ping, version, info and df answer")
def system(engine):
    assert engine.client.ping() is True
    equal(engine.client.version()["Os"], "linux")
    assert engine.client.info()["NCPU"] >= 1
    assert engine.client.df()["LayersSize"] > 0


@case("containers.run gives the output, and raises what failed with its errors")
def run(engine):
    equal(engine.client.containers.run(engine.image, ["echo", "hello"], remove=True), b"hello\n")
    failing = ["sh", "-c", "echo why >&2; exit 3"]
    error = refused(docker.errors.ContainerError, lambda: engine.client.containers.run(engine.image, failing, remove=True))
    equal((error.exit_status, error.stderr), (3, b"why\n"))


@case("a container is listed, reloaded, stopped, started, renamed and removed")
def life(engine):
    with engine.sleeping(name="py-life", labels={"py": "life"}) as container:
        listed = engine.client.containers.list(filters={"label": "py=life"})
        equal([each.id for each in listed], [container.id])
        container.stop(timeout=1)
        container.reload()
        equal((container.status, container.attrs["State"]["ExitCode"]), ("exited", 137))
        equal(engine.client.containers.list(filters={"label": "py=life"}), [])
        container.start()
        container.rename("py-renamed")
        container.restart(timeout=0)
        equal(engine.client.containers.get("py-renamed").status, "running")
        container.pause()
        container.reload()
        equal(container.status, "paused")
        container.unpause()
        container.update(mem_limit="64m", memswap_limit=-1)
        container.kill()
        equal(container.wait()["StatusCode"], 137)


@case("exec_run has both streams, a stream, a socket and an exit code")
def execs(engine):
    with engine.sleeping() as container:
        code, output = container.exec_run(["sh", "-c", "echo $A; id -u; exit 6"], environment={"A": "b"}, user="1000")
        equal((code, output), (6, b"b\n1000\n"))
        _, (out, err) = container.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
        equal((out, err), (b"out\n", b"err\n"))
        _, stream = container.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done"], stream=True)
        equal(b"".join(stream), b"1\n2\n3\n")
        _, sock = container.exec_run(["cat"], stdin=True, socket=True)
        sock._sock.sendall(b"through a socket\n")
        got = b""
        while not got.endswith(b"socket\n"):
            got += sock._sock.recv(4096)
        sock.close()
        equal(got[8:], b"through a socket\n")


@case("attach_socket carries stdin, and the output comes as a stream")
def attach(engine):
    api = engine.client.api
    made = api.create_container(engine.image, ["cat"], stdin_open=True)
    with Running(engine.client.containers.get(made["Id"])) as container:
        sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        container.start()
        sock._sock.sendall(b"echoed\n")
        got = b""
        while len(got) < 15:
            got += sock._sock.recv(4096)
        sock.close()
        equal(got, b"\x01\0\0\0\0\0\0\x07echoed\n")
        container.kill()
        equal(container.logs(), b"echoed\n")


@case("logs are read, followed and bounded")
def logs(engine):
    script = "echo one; echo err >&2; sleep 0.3; echo two"
    with Running(engine.client.containers.run(engine.image, ["sh", "-c", script], detach=True)) as container:
        equal(b"".join(container.logs(stream=True, follow=True, stderr=False)), b"one\ntwo\n")
        equal(container.logs(stdout=False), b"err\n")
        equal(container.logs(tail=1), b"two\n")
        assert container.logs(timestamps=True, stderr=False).startswith(b"20")
        equal(container.logs(since=int(time.time()) + 60), b"")


@case("stats come decoded, once and as a stream")
def stats(engine):
    with engine.sleeping(mem_limit="64m") as container:
        once = container.stats(stream=False)
        equal(once["memory_stats"]["limit"], 64 << 20)
        stream = container.stats(decode=True)
        first, second = next(stream), next(stream)
        equal(second["preread"], first["read"])
        stream.close()


@case("events are heard while they happen, and told after")
def events(engine):
    since = int(time.time())
    heard = engine.client.events(decode=True, filters={"type": "container", "label": "py=events"})
    engine.client.containers.run(engine.image, ["true"], labels={"py": "events"}, network_mode="none", remove=True)
    actions = []
    for event in heard:
        actions.append(event["Action"])
        if event["Action"] == "destroy":
            break
    heard.close()
    # Docker's own run attaches too; an engine may tell so.
    equal([action for action in actions if action != "attach"], ["create", "start", "die", "destroy"])
    past = engine.client.events(since=since, until=int(time.time()) + 1, decode=True, filters={"event": "die", "label": "py=events"})
    equal([event["Actor"]["Attributes"]["exitCode"] for event in past], ["0"])


@case("archives go in and come out")
def archives(engine):
    with engine.sleeping() as container:
        assert container.put_archive("/tmp", packed({"a.txt": b"a" * 100_000, "b.txt": b"b"}))
        stream, stat = container.get_archive("/tmp/a.txt")
        equal((stat["name"], stat["size"]), ("a.txt", 100_000))
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            equal(archive.extractfile("a.txt").read(), b"a" * 100_000)
        refused(docker.errors.NotFound, lambda: container.get_archive("/nowhere"))
        assert {"Path": "/tmp/b.txt", "Kind": 1} in container.diff()
        assert len(b"".join(container.export())) > 1_000_000


@case("images are imported, tagged, saved, loaded, committed and removed")
def images(engine):
    api = engine.client.api
    api.import_image_from_file(engine.tar, repository="py-import", tag="one")
    image = engine.client.images.get("py-import:one")
    assert image.tag("py-import", "two")
    equal(sorted(engine.client.images.list("py-import")[0].tags), ["py-import:one", "py-import:two"])
    saved = b"".join(image.save(named="py-import:one"))
    engine.client.images.remove("py-import:two")
    engine.client.images.remove("py-import:one")
    refused(docker.errors.ImageNotFound, lambda: engine.client.images.get("py-import:one"))
    equal(engine.client.images.load(saved)[0].tags, ["py-import:one"])
    engine.client.images.remove("py-import:one")
    with engine.sleeping() as container:
        made = container.commit("py-commit", "1", changes="ENV A=b")
        assert "A=b" in made.attrs["Config"]["Env"]
        engine.client.images.remove("py-commit:1")


@case("networks have pools, members and aliases")
def networks(engine):
    pool = docker.types.IPAMPool(subnet="10.215.77.0/24", gateway="10.215.77.1")
    network = engine.client.networks.create("py-net", driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    try:
        with engine.sleeping(name="py-member") as container:
            network.connect(container, aliases=["py-alias"], ipv4_address="10.215.77.7")
            network.reload()
            equal([member.name for member in network.containers], ["py-member"])
            answer = engine.client.containers.run(engine.image, ["ping", "-c1", "-W2", "py-alias"], network="py-net", remove=True)
            assert b"10.215.77.7" in answer
            network.disconnect(container)
        equal([each.name for each in engine.client.networks.list(names=["py-net"])], ["py-net"])
    finally:
        network.remove()
    refused(docker.errors.NotFound, lambda: engine.client.networks.get("py-net"))


@case("volumes are mounted, kept and removed")
def volumes(engine):
    volume = engine.client.volumes.create("py-volume", labels={"py": "volume"})
    mounts = {"py-volume": {"bind": "/kept", "mode": "rw"}}
    engine.client.containers.run(engine.image, ["touch", "/kept/file"], volumes=mounts, remove=True)
    mount = docker.types.Mount("/kept", "py-volume", read_only=True)
    equal(engine.client.containers.run(engine.image, ["ls", "/kept"], mounts=[mount], remove=True), b"file\n")
    equal([each.name for each in engine.client.volumes.list(filters={"label": "py"})], ["py-volume"])
    volume.remove()
    refused(docker.errors.NotFound, lambda: engine.client.volumes.get("py-volume"))


@case("prune takes what is labelled")
def prune(engine):
    container = engine.client.containers.create(engine.image, ["true"], labels={"py": "prune"})
    pruned = engine.client.containers.prune(filters={"label": "py=prune"})
    equal(pruned["ContainersDeleted"], [container.id])
    engine.client.networks.create("py-prune", labels={"py": "prune"})
    equal(engine.client.networks.prune(filters={"label": "py=prune"})["NetworksDeleted"], ["py-prune"])


@case("ports, a health check, limits and what is refused")
def options(engine):
    health = docker.types.Healthcheck(test=["CMD", "true"], interval=200_000_000)
    with engine.sleeping(ports={"80/tcp": ("127.0.0.1", None)}, healthcheck=health, ulimits=[docker.types.Ulimit(name="nofile", soft=99, hard=99)]) as container:
        equal(container.exec_run(["sh", "-c", "ulimit -n"]).output, b"99\n")
        for _ in range(100):
            container.reload()
            if container.attrs["State"]["Health"]["Status"] == "healthy":
                break
            time.sleep(0.1)
        equal(container.attrs["State"]["Health"]["Status"], "healthy")
        equal(container.ports["80/tcp"][0]["HostIp"], "127.0.0.1")
        conflict = refused(docker.errors.APIError, lambda: engine.client.containers.create(engine.image, "true", name=container.name))
        equal(conflict.status_code, 409)
    refused(docker.errors.ImageNotFound, lambda: engine.client.containers.create("no-such:1", "true"))
    refused(docker.errors.NotFound, lambda: engine.client.containers.get("nobody"))
    missing = engine.client.containers.create(engine.image, ["/no/such/program"])
    with Running(missing) as container:
        equal(refused(docker.errors.APIError, container.start).status_code, 400)


@case("images.build makes an image of a tar, and raises what failed with its log")
def build(engine):
    dockerfile = f"FROM {engine.image}\nARG WHO\nCOPY f /f\nRUN echo $WHO >> /f\n".encode()
    context = packed({"Dockerfile": dockerfile, "f": b"hello "})
    image, log = engine.client.images.build(
        fileobj=io.BytesIO(context), custom_context=True, tag="docker-py:built", buildargs={"WHO": "you"}, labels={"a": "b"}
    )
    try:
        equal(image.tags, ["docker-py:built"])
        equal(image.labels, {"a": "b"})
        assert any("RUN echo you" in line.get("stream", "") for line in log)
        equal(engine.client.containers.run(image, ["cat", "/f"], remove=True), b"hello you\n")
    finally:
        engine.client.images.remove("docker-py:built")
    alone = io.BytesIO(f"FROM {engine.image}\nRUN echo told; exit 4\n".encode())
    failed = refused(docker.errors.BuildError, lambda: engine.client.images.build(fileobj=alone))
    assert "returned a non-zero code: 4" in failed.msg, failed.msg
    assert any("told" in line.get("stream", "") for line in failed.build_log)
    engine.client.api.prune_builds()


def main():
    if sys.argv[1] == "list":
        print(json.dumps(list(cases)))
        return
    engine = Engine(*sys.argv[1:4])
    wanted = sys.argv[4] if len(sys.argv) > 4 else ""
    for name, action in cases.items():
        if wanted not in name:
            continue
        began = time.monotonic()
        result = {}
        try:
            action(engine)
        except Exception:  # Whatever a case ends with is its result.
            result = {"error": traceback.format_exc()}
        print(json.dumps({"name": name, "ms": round((time.monotonic() - began) * 1000), **result}), flush=True)


main()
