/** Published ports of a container whose networks change: they follow the endpoint that leads out. */
import { describe, expect, test } from "bun:test";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";
import { ask } from "./network-outside.ts";

type Binding = { readonly HostIp: string; readonly HostPort: string };

/** What serves on port 80 of a container. */
const web = "mkdir /www; echo page > /www/index.html; exec httpd -f -p [::]:80 -h /www";

describe("published ports", () => {
  const daemon = withDaemon();
  /** The published ports as inspect shows them, and as the addresses of this host that answer. */
  const ports = async () => {
    const text = await daemon().must("inspect", "-f", "{{json .NetworkSettings.Ports}}", "web");
    return JSON.parse(text) as Record<string, readonly Binding[] | null>;
  };
  const answers = (port: number) => ask(null, `http://127.0.0.1:${port}/`);
  const answers6 = (port: number) => ask(null, `http://[::1]:${port}/`);
  const both = (port: number | string) => [
    { HostIp: "0.0.0.0", HostPort: `${port}` },
    { HostIp: "::", HostPort: `${port}` },
  ];
  const serve = (...args: string[]) => daemon().must("run", "-d", "--name", "web", ...args, "busybox", "sh", "-c", web);

  test.each(clients)(
    "are published by the first network that leads out, and taken back with the last (%s)",
    async (client) => {
      const d = daemon();
      const must = async (...args: string[]) => {
        const { code, stderr } = await d.run(client, ...args);
        if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
      };
      await must("network", "create", "--internal", "inner");
      await must("network", "create", "outer");
      await serve("--network", "inner", "-p", `${d.port(1)}:80`, "-p", "81", "--expose", "99");
      expect(await ports()).toEqual({});
      expect(await answers(d.port(1))).toBe(0);
      await must("network", "connect", "outer", "web");
      const { "81/tcp": free, ...fixed } = await ports();
      expect(fixed).toEqual({ "80/tcp": both(d.port(1)), "99/tcp": null });
      expect(free).toEqual(both(free?.[0]?.HostPort ?? ""));
      expect(await answers(d.port(1))).toBe(200);
      expect(await answers6(d.port(1))).toBe(200);
      await must("network", "disconnect", "outer", "web");
      expect(await ports()).toEqual({});
      expect(await answers(d.port(1))).toBe(0);
      // Nobody holds the port any more.
      await d.must("run", "--rm", "-p", `${d.port(1)}:80`, "busybox", "true");
      await must("rm", "-f", "web");
      await must("network", "rm", "inner", "outer");
    },
    60_000,
  );

  test.each(clients)(
    "of a container without networks come with the one that it is given (%s)",
    async (client) => {
      const d = daemon();
      const must = (...args: string[]) => d.run(client, ...args).then(({ stderr }) => expect(stderr).toBe(""));
      await must("network", "create", "outer");
      await serve("--network", "none", "-p", `${d.port(2)}:80`);
      const refused = await d.run(client, "network", "connect", "outer", "web");
      expect(refused.stderr).toContain(
        "container cannot be connected to multiple networks with one of the networks in private (none) mode",
      );
      await must("network", "disconnect", "none", "web");
      await must("network", "connect", "outer", "web");
      expect(await ports()).toEqual({ "80/tcp": both(d.port(2)) });
      expect(await answers(d.port(2))).toBe(200);
      await must("network", "disconnect", "outer", "web");
      expect(await ports()).toEqual({});
      await d.must("rm", "-f", "web");
      await must("network", "rm", "outer");
    },
    60_000,
  );

  test("move with the way out, and stay there when the daemon restarts", async () => {
    const d = daemon();
    await d.must("network", "create", "one");
    await d.must("network", "create", "two");
    await serve("--network", "two", "-p", `${d.port(3)}:80`, "-p", "81");
    const shown = await ports();
    await d.must("network", "connect", "one", "web");
    const moved = await ports();
    expect(moved["80/tcp"]).toEqual(both(d.port(3)));
    expect(moved["81/tcp"]).not.toEqual(shown["81/tcp"]);
    expect(await answers(d.port(3))).toBe(200);
    // The address behind the port is the new one: what was the old one may go.
    await d.must("network", "disconnect", "two", "web");
    expect(await ports()).toEqual(moved);
    expect(await answers(d.port(3))).toBe(200);
    await d.restart();
    expect(await ports()).toEqual(moved);
    // A network that leads out after it changes nothing.
    await d.must("network", "connect", "--gw-priority", "-1", "two", "web");
    expect(await ports()).toEqual(moved);
    // By priority it would come first.
    await d.must("network", "disconnect", "two", "web");
    await d.must("network", "connect", "--gw-priority", "7", "two", "web");
    expect((await ports())["80/tcp"]).toEqual(both(d.port(3)));
    await d.must("network", "disconnect", "two", "web");
    expect(await answers(d.port(3))).toBe(200);
    await d.must("rm", "-f", "web");
    await d.must("network", "rm", "one", "two");
  }, 60_000);

  test("are answered in each family by the network that leads out there", async () => {
    const d = daemon();
    await d.must("network", "create", "four");
    await d.must("network", "create", "--ipv6", "--ipv4=false", "six");
    await serve("--network", "four", "-p", `${d.port(4)}:80`);
    await d.must("network", "connect", "six", "web");
    expect(await ports()).toEqual({ "80/tcp": both(d.port(4)) });
    expect([await answers(d.port(4)), await answers6(d.port(4))]).toEqual([200, 200]);
    await d.must("network", "disconnect", "four", "web");
    expect(await ports()).toEqual({ "80/tcp": [{ HostIp: "::", HostPort: `${d.port(4)}` }] });
    expect([await answers(d.port(4)), await answers6(d.port(4))]).toEqual([0, 200]);
    await d.must("network", "connect", "four", "web");
    expect([await answers(d.port(4)), await answers6(d.port(4))]).toEqual([200, 200]);
    await d.must("rm", "-f", "web");
    await d.must("network", "rm", "four", "six");
  }, 60_000);

  test("that are taken refuse the connection, of which nothing is left", async () => {
    const d = daemon();
    await d.must("network", "create", "--internal", "inner");
    await d.must("network", "create", "outer");
    await d.must("run", "-d", "--name", "first", "-p", `${d.port(5)}:80`, "busybox", "sleep", "300");
    await serve("--network", "inner", "-p", `${d.port(5)}:80`);
    const refused = await d.dhow("network", "connect", "outer", "web");
    expect(refused.stderr).toMatch(
      new RegExp(
        `^Error response from daemon: driver failed programming external connectivity on endpoint web \\([0-9a-f]{64}\\): Bind for (0.0.0.0|::):${d.port(5)} failed: port is already allocated\n$`,
      ),
    );
    expect(await ports()).toEqual({});
    const devices = () => d.must("exec", "web", "ls", "/sys/class/net");
    expect(await devices()).toBe("eth0\nlo\n");
    await d.must("rm", "-f", "first");
    await d.must("network", "connect", "outer", "web");
    expect(await answers(d.port(5))).toBe(200);
    await d.must("rm", "-f", "web");
    await d.must("network", "rm", "inner", "outer");
  }, 60_000);
});
