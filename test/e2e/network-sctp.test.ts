/** SCTP through published ports, on kernels that have it; on others the refusal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { run } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";
import { address6Of, addressOf, netnsOf, Outside, serveIn } from "./network-outside.ts";

/** Perl, because the smallest Debian has it, and knows the protocol by its number. */
const perl = (program: string) => [
  "perl",
  "-MSocket=:DEFAULT,:addrinfo,IPPROTO_IPV6,IPV6_V6ONLY,inet_pton",
  "-e",
  program,
];
const opens = "socket(my $s, PF_INET, SOCK_STREAM, 132) or exit 1";

/** Answers each association with the address that it comes from. */
const server = (family: "AF_INET" | "AF_INET6") => `
socket(my $s, ${family}, SOCK_STREAM, 132) or die $!;
${
  family === "AF_INET"
    ? "bind($s, pack_sockaddr_in(90, INADDR_ANY)) or die $!;"
    : 'setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1); bind($s, pack_sockaddr_in6(90, inet_pton(AF_INET6, "::"))) or die $!;'
}
listen($s, 9) or die $!;
$| = 1; print "up";
while (my $from = accept(my $c, $s)) {
  my ($error, $host) = getnameinfo($from, NI_NUMERICHOST, NIx_NOSERV);
  send($c, $host, 0); close $c;
}`;

const asks = (host: string, port: number) => `
alarm 3;
my ($error, $to) = getaddrinfo("${host}", ${port}, {flags => AI_NUMERICHOST, socktype => SOCK_STREAM});
socket(my $s, $to->{family}, SOCK_STREAM, 132) or die $!;
connect($s, $to->{addr}) or die $!; recv($s, my $heard, 99, 0); print $heard`;

const present = (await run(perl(opens))).code === 0;
if (!present) console.log("this kernel has no SCTP: only the refusal is shown here, the traffic in the VM");

describe("SCTP", () => {
  const daemon = withDaemon({ flags: ["--ipv6"] });
  let outside: Outside;
  beforeAll(async () => {
    outside = await Outside.of(daemon());
  });
  afterAll(() => outside[Symbol.asyncDispose]());

  /** What the server says to who asks from `netns`, null being this host; empty when it is not there. */
  const heard = async (netns: string | null, host: string, port: number): Promise<string> => {
    const asking = perl(asks(host, port));
    const { stdout } = await run(netns === null ? asking : ["nsenter", `--net=${netns}`, ...asking]);
    return stdout.trim();
  };

  test.skipIf(present)("is refused with the reason where the kernel lacks it", async () => {
    const refused = await daemon().dhow("run", "--name", "box", "-p", `${daemon().port(1)}:90/sctp`, "busybox", "true");
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("SCTP is not supported by this kernel");
    await daemon().must("rm", "-f", "box");
  });

  test.skipIf(!present)(
    "is published by translation",
    async () => {
      const d = daemon();
      const port = d.port(1);
      const started = await d.dhow(
        ...["run", "-d", "--name", "box", "-p", `${port}:90/sctp`, "-p", `127.0.0.1:${port + 1}:90/sctp`],
        ...["-p", `${port}:90`, "busybox", "sleep", "300"],
      );
      expect(started.stderr).toBe("");
      expect(await d.must("port", "box", "90/sctp")).toBe(`0.0.0.0:${port}\n[::]:${port}\n127.0.0.1:${port + 1}\n`);
      const inside = await netnsOf(d, "box");
      await using servers = new AsyncDisposableStack();
      for (const family of ["AF_INET", "AF_INET6"] as const) {
        const child = await serveIn(inside, perl(server(family)));
        servers.defer(() => child.kill("SIGKILL"));
      }
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
    },
    60_000,
  );

  test.skipIf(!present)("leads nobody by IPv6 to a container that has none: no proxy speaks it", async () => {
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
