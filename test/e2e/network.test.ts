import { describe, expect, test } from "bun:test";
import { run, until } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

const page = (name: string): string[] => [
  "sh",
  "-c",
  `mkdir /www; echo ${name} > /www/index.html; exec httpd -f -p 80 -h /www`,
];

async function get(url: string): Promise<string> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
  } catch {
    return "";
  }
}

describe.each([...clients])("network through %s", (client) => {
  test("a published port answers on the loopback address, and no longer after rm", async () => {
    const name = `web-${client}`;
    expect(
      (await daemon().run(client, "run", "-d", "--name", name, "-p", "127.0.0.1::80", "busybox", ...page(name))).code,
    ).toBe(0);
    const port = (await daemon().run(client, "port", name, "80")).stdout.trim();
    expect(port).toMatch(/^127\.0\.0\.1:\d+$/);
    await until("the page", async () => (await get(`http://${port}/`)) === `${name}\n`);
    await daemon().run(client, "rm", "-f", name);
    await until("the port to be closed", async () => (await get(`http://${port}/`)) === "");
  });

  test("a port that is taken is refused and nothing stays behind", async () => {
    await daemon().run(
      client,
      "run",
      "-d",
      "--name",
      "first",
      "-p",
      `127.0.0.1:${daemon().port(99)}:80`,
      "busybox",
      ...page("first"),
    );
    const second = await daemon().run(
      client,
      "run",
      "-d",
      "--name",
      "second",
      "-p",
      `127.0.0.1:${daemon().port(99)}:80`,
      "busybox",
      "sleep",
      "9",
    );
    expect(second.code).toBe(125);
    expect(second.stderr).toContain("port is already allocated");
    expect((await daemon().run(client, "inspect", "-f", "{{.State.Status}}", "second")).stdout).toBe("created\n");
    await daemon().run(client, "rm", "-f", "first", "second");
  });

  test("containers on the default bridge reach each other and the host's side of the bridge", async () => {
    await daemon().run(client, "run", "-d", "--name", "server", "busybox", ...page("server"));
    const ip = (await daemon().run(client, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "server")).stdout.trim();
    expect(ip).toMatch(new RegExp(`^10\\.213\\.${daemon().slot}\\.`));
    const answer = await until("the neighbour", async () => {
      const result = await daemon().run(client, "run", "--rm", "busybox", "wget", "-qO-", `http://${ip}/`);
      return result.stdout;
    });
    expect(answer).toBe("server\n");
    await daemon().run(client, "rm", "-f", "server");
  });

  test("--network none has only lo, host has the host's links, container:x shares and changes nothing", async () => {
    const floor = "net.ipv4.ip_unprivileged_port_start";
    const none = await daemon().run(client, "run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net");
    expect(none.stdout.trim()).toBe("lo");
    const host = await daemon().run(client, "run", "--rm", "--network", "host", "busybox", "ls", "/sys/class/net");
    expect(host.stdout).toContain(daemon().bridge);
    await daemon().run(client, "run", "-d", "--name", "owner", "--sysctl", `${floor}=70`, "busybox", "sleep", "60");
    const mine = await daemon().run(client, "exec", "owner", "ip", "-o", "-4", "addr", "show", "eth0");
    const shared = await daemon().run(
      client,
      "run",
      "--rm",
      "--network",
      "container:owner",
      "busybox",
      "ip",
      "-o",
      "-4",
      "addr",
      "show",
      "eth0",
    );
    expect(shared.stdout).toBe(mine.stdout);
    const kept = await daemon().run(client, "exec", "owner", "cat", `/proc/sys/${floor.replaceAll(".", "/")}`);
    expect(kept.stdout).toBe("70\n");
    await daemon().run(client, "rm", "-f", "owner");
  });

  test("/etc/hosts and /etc/resolv.conf are the container's own", async () => {
    const hosts = await daemon().run(
      client,
      "run",
      "--rm",
      "-h",
      "box",
      "--add-host",
      "db:10.1.2.3",
      "busybox",
      "cat",
      "/etc/hosts",
    );
    expect(hosts.stdout).toMatch(/^127\.0\.0\.1\s+localhost/m);
    expect(hosts.stdout).toMatch(/^10\.1\.2\.3\s+db$/m);
    expect(hosts.stdout).toMatch(new RegExp(`^10\\.213\\.${daemon().slot}\\.\\d+\\s+box$`, "m"));
    const resolv = await daemon().run(
      client,
      "run",
      "--rm",
      "--dns",
      "192.0.2.1",
      "--dns-search",
      "example.org",
      "busybox",
      "cat",
      "/etc/resolv.conf",
    );
    expect(resolv.stdout).toContain("nameserver 192.0.2.1");
    expect(resolv.stdout).toContain("search example.org");
  });

  test("a container reaches the outside through NAT", async () => {
    const mirror = (
      await run([
        "sh",
        "-c",
        "sed -n 's/^URIs: //p;s/^deb \\(http[^ ]*\\) .*/\\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1",
      ])
    ).stdout.trim();
    if (!mirror.startsWith("http://")) return console.log(`skipped: no plain HTTP mirror to reach (${mirror})`);
    const result = await daemon().run(
      client,
      "run",
      "--rm",
      "busybox",
      "wget",
      "-qO-",
      `${mirror.replace(/\/$/, "")}/dists/bookworm/Release`,
    );
    expect(result.stdout).toContain("Codename: bookworm");
  });
});
