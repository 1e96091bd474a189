/** SCTP through published ports, on kernels that have it; on others the refusal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { run } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";
import { address6Of, addressOf, netnsOf, Outside, pythonIn } from "./network-outside.ts";

const SCTP = 132;
const opens = `import socket; socket.socket(2,1,${SCTP})`;

/** Answers each association with the address that it comes from. */
const server = `import socket,threading
def serve(family,host):
 s=socket.socket(family,1,${SCTP})
 if family==10: s.setsockopt(41,26,1)
 s.bind((host,90)); s.listen(9)
 while True:
  c,a=s.accept(); c.send(a[0].encode()); c.close()
for f,h in ((2,"0.0.0.0"),(10,"::")): threading.Thread(target=serve,args=(f,h)).start()
import time
time.sleep(.2)
print("up")`;

const asks = (host: string, port: number) => `import socket
s=socket.socket(${host.includes(":") ? 10 : 2},1,${SCTP}); s.settimeout(3)
s.connect(("${host}",${port})); print(s.recv(99).decode())`;

describe("SCTP", () => {
  const daemon = withDaemon({ flags: ["--ipv6"] });
  let outside: Outside;
  let present = false;
  beforeAll(async () => {
    outside = await Outside.of(daemon());
    present = (await run(["python3", "-c", opens])).code === 0;
  });
  afterAll(() => outside[Symbol.asyncDispose]());

  /** What the server says to who asks from `netns`, null being this host; empty when it is not there. */
  const heard = async (netns: string | null, host: string, port: number): Promise<string> => {
    const python = ["python3", "-c", asks(host, port)];
    const { stdout } = await run(netns === null ? python : ["nsenter", `--net=${netns}`, ...python]);
    return stdout.trim();
  };

  test("is published by translation where the kernel has it, and refused with the reason elsewhere", async () => {
    const d = daemon();
    const port = d.port(1);
    const started = await d.dhow(
      ...["run", "-d", "--name", "box", "-p", `${port}:90/sctp`, "-p", `127.0.0.1:${port + 1}:90/sctp`],
      ...["-p", `${port}:90`, "busybox", "sleep", "300"],
    );
    if (!present) {
      console.log("this kernel has no SCTP: only the refusal is shown here, the traffic in the VM");
      expect(started.code).toBe(125);
      expect(started.stderr).toContain("SCTP is not supported by this kernel");
      await d.must("rm", "-f", "box");
      return;
    }
    expect(started.stderr).toBe("");
    expect(await d.must("port", "box", "90/sctp")).toBe(`0.0.0.0:${port}\n[::]:${port}\n127.0.0.1:${port + 1}\n`);
    const inside = await netnsOf(d, "box");
    await using _server = {
      process: await pythonIn(inside, server),
      async [Symbol.asyncDispose]() {
        this.process.kill("SIGKILL");
      },
    };
    const far = `/run/netns/${outside.name}`;
    // From another machine, whose address the server sees; from this host, at an address of its own and at loopback.
    expect(await heard(far, outside.hostAddress, port)).toBe(outside.address);
    expect(await heard(far, outside.hostAddress6, port)).toBe(outside.address6);
    expect(await heard(null, outside.hostAddress, port)).not.toBe("");
    expect(await heard(null, "127.0.0.1", port)).not.toBe("");
    expect(await heard(null, "127.0.0.1", port + 1)).not.toBe("");
    // From the container itself by the host's address.
    expect(await heard(inside, outside.hostAddress, port)).not.toBe("");
    // What is for this host, and what is not published, is not for others.
    expect(await heard(far, outside.hostAddress, port + 1)).toBe("");
    expect(await heard(far, await addressOf(d, "box"), 90)).toBe("");
    expect(await heard(far, await address6Of(d, "box"), 90)).toBe("");
    const clash = await d.dhow("run", "--rm", "-p", `${port}:91/sctp`, "busybox", "true");
    expect(clash.stderr).toContain(`:${port} failed: port is already allocated`);
    await d.restart();
    expect(await heard(far, outside.hostAddress, port)).toBe(outside.address);
    await d.must("rm", "-f", "box");
    expect(await heard(far, outside.hostAddress, port)).toBe("");
    await d.dhow("rm", "-f", ...(await d.must("ps", "-aq")).trim().split("\n"));
  }, 60_000);

  test("leads nobody by IPv6 to a container that has none: no proxy speaks it", async () => {
    if (!present) return console.log("skipped: this kernel has no SCTP");
    const d = daemon();
    await d.must("network", "create", "--ipv6=false", "four");
    await d.must(
      "run",
      "-d",
      "--name",
      "box",
      "--network",
      "four",
      "-p",
      `${d.port(3)}:90/sctp`,
      "busybox",
      "sleep",
      "300",
    );
    expect(await d.must("port", "box")).toBe(`90/sctp -> 0.0.0.0:${d.port(3)}\n`);
    await d.must("rm", "-f", "box");
    await d.must("network", "rm", "four");
  });
});
