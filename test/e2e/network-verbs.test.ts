/** `docker network`: its verbs and their words, through both clients. */
import { describe, expect, test } from "bun:test";
import { succeed, until } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("network verbs through %s", (client) => {
  const d = (...args: string[]) => daemon().run(client, ...args);
  const out = async (...args: string[]) => (await d(...args)).stdout.trim();

  test("create, ls, inspect and rm", async () => {
    const id = await out("network", "create", "--label", "k=v", "-o", "com.docker.network.driver.mtu=1400", "net1");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const format = "{{.Name}} {{.Driver}} {{.Scope}}";
    expect((await out("network", "ls", "--format", format)).split("\n").sort()).toEqual([
      "bridge bridge local",
      "host host local",
      "net1 bridge local",
      "none null local",
    ]);
    expect(await out("network", "ls", "-q", "--no-trunc", "-f", "label=k=v")).toBe(id);
    expect(await out("network", "ls", "--format", "{{.Name}}", "-f", "type=custom")).toBe("net1");
    expect(await out("network", "inspect", "-f", "{{.Id}} {{.Labels.k}} {{.Internal}}", id.slice(0, 6))).toBe(
      `${id} v false`,
    );
    expect(await succeed(["ip", "-o", "link", "show", `br-${id.slice(0, 12)}`])).toContain("mtu 1400");
    expect(await out("run", "--rm", "--network", "net1", "busybox", "cat", "/sys/class/net/eth0/mtu")).toBe("1400");
    expect(await out("network", "rm", "net1")).toBe("net1");
    expect((await d("network", "inspect", "net1")).stderr).toContain("network net1 not found");
  });

  test("a stopped container is connected and disconnected with the same rules as a running one", async () => {
    const id = await out("network", "create", "--subnet", `10.216.${daemon().slot}.0/28`, "own");
    await d("network", "create", "other");
    const container = await out("create", "--name", "still", "--network", id, "busybox", "sleep", "300");
    const refused = async (words: string, ...args: string[]) => {
      const { code, stderr } = await d("network", ...args);
      expect(stderr).toContain(words);
      expect(code).toBe(1);
    };
    await refused(
      "cannot connect container to host network - container must be created in host",
      "connect",
      "host",
      "still",
    );
    await refused("with one of the networks in private (none) mode", "connect", "none", "still");
    await refused(
      "network-scoped alias is supported only for containers in user",
      "connect",
      "--alias",
      "a",
      "bridge",
      "still",
    );
    await refused(
      "no configured subnet or ip-range contain the IP address 10.9.9.9",
      "connect",
      "--ip",
      "10.9.9.9",
      "own",
      "still",
    );
    await refused(`container ${container} is not connected to the network other`, "disconnect", "other", "still");
    await refused("endpoint nobody not found", "disconnect", "-f", "other", "nobody");
    expect((await d("network", "connect", "other", "still")).code).toBe(0);
    expect((await d("network", "disconnect", "own", "still")).code).toBe(0);
    expect((await d("network", "disconnect", "other", "still")).code).toBe(0);
    // Of all that it was in: its next start finds it in none, whatever it was made with.
    expect((await d("start", "still")).stderr).toBe("");
    expect(await out("inspect", "-f", "{{json .NetworkSettings.Networks}}", "still")).toBe("{}");
    expect(await out("exec", "still", "ls", "/sys/class/net")).toBe("lo");
    expect((await d("network", "connect", "own", "still")).code).toBe(0);
    await d("network", "disconnect", "own", "still");
    await d("restart", "-t", "0", "still");
    expect(await out("exec", "still", "ls", "/sys/class/net")).toBe("lo");
    await d("rm", "-f", "still");
    await out("create", "--name", "joined", "--network", "container:absent", "busybox", "true");
    await refused("container sharing network namespace with another container or host", "connect", "own", "joined");
    await out("create", "--name", "hosted", "--network", "host", "busybox", "true");
    await refused("container sharing network namespace with another container or host", "connect", "own", "hosted");
    await refused("cannot disconnect container from host network", "disconnect", "host", "hosted");
    await d("rm", "joined", "hosted");
    await d("network", "rm", "own", "other");
  });

  test("a network of two addresses has one for a container", async () => {
    await d("network", "create", "--subnet", `10.216.${daemon().slot}.16/31`, "pair");
    const address = [
      "sh",
      "-c",
      "ip -o -4 addr show eth0; ping -c 1 -w 5 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')",
    ];
    const { stdout, code } = await d("run", "--rm", "--network", "pair", "busybox", ...address);
    expect(stdout).toContain(`10.216.${daemon().slot}.17/31`);
    expect(code).toBe(0);
    await d("network", "rm", "pair");
    const one = await d("network", "create", "--subnet", `10.216.${daemon().slot}.16/32`, "one");
    expect(one.stderr).toContain("too small for a gateway and a container");
  });

  test("refusals are in Docker's words", async () => {
    await d("network", "create", "net1");
    expect((await d("network", "create", "net1")).stderr).toContain("network with name net1 already exists");
    expect((await d("network", "create", "host")).stderr).toContain(
      "operation is not permitted on predefined host network",
    );
    expect((await d("network", "create", "-d", "nope", "x")).stderr).toContain('plugin "nope" not found');
    expect((await d("network", "rm", "bridge")).stderr).toContain(
      "bridge is a pre-defined network and cannot be removed",
    );
    expect((await d("network", "rm", "nope")).stderr).toContain("network nope not found");
    expect((await d("run", "--rm", "--network", "nope", "busybox", "true")).stderr).toContain("network nope not found");
    const id = await out("run", "-d", "--name", "member", "--network", "net1", "busybox", "sleep", "300");
    const busy = await d("network", "rm", "net1");
    expect(busy.code).toBe(1);
    expect(busy.stderr).toMatch(/network net1 has active endpoints \(name:"member" id:"[0-9a-f]{12}"\)/);
    const again = await d("network", "connect", "net1", "member");
    expect(again.stderr).toContain("endpoint with name member already exists in network net1");
    const host = await d("network", "connect", "host", "member");
    expect(host.code).toBe(1);
    const absent = await d("network", "disconnect", "bridge", "member");
    expect(absent.stderr).toContain(`container ${id} is not connected to network bridge`);
    const raw = (method: string, path: string, body?: unknown) => daemon().api(method, path, body);
    expect((await raw("DELETE", "/networks/bridge")).status).toBe(403);
    expect((await raw("DELETE", "/networks/net1")).status).toBe(403);
    expect((await raw("DELETE", "/networks/nope")).status).toBe(404);
    expect((await raw("POST", "/networks/create", { Name: "net1" })).status).toBe(409);
    expect((await raw("POST", "/networks/create", { Name: "host" })).status).toBe(403);
    expect((await raw("POST", "/networks/create", { Name: "" })).status).toBe(400);
    expect((await raw("POST", "/networks/net1/connect", { Container: "member" })).status).toBe(403);
    await d("rm", "-f", "member");
    await d("network", "rm", "net1");
  });

  test("connect and disconnect, of what runs and of what does not", async () => {
    await d("network", "create", "--subnet", `10.215.${daemon().slot}.128/28`, "net2");
    await d("run", "-d", "--name", "box", "busybox", "sleep", "300");
    const address = `10.215.${daemon().slot}.137`;
    expect((await d("network", "connect", "--ip", address, "net2", "box")).stderr).toBe("");
    expect(await out("exec", "box", "ip", "-4", "addr", "show", "eth1")).toContain(`inet ${address}/28`);
    expect(
      await out("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}", "net2"),
    ).toBe(`box ${address}/28`);
    const networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    expect(await out("inspect", "-f", networks, "box")).toBe("bridge net2");
    await d("restart", "-t", "0", "box");
    expect(await out("inspect", "-f", networks, "box")).toBe("bridge net2");
    expect(await out("exec", "box", "ip", "-4", "addr")).toContain(`inet ${address}/28`);
    expect((await d("network", "disconnect", "net2", "box")).stderr).toBe("");
    expect(await out("exec", "box", "ls", "/sys/class/net")).not.toContain("eth1");
    expect(await out("inspect", "-f", networks, "box")).toBe("bridge");
    await d("create", "--name", "still", "busybox", "ip", "-4", "addr");
    await d("network", "connect", "net2", "still");
    await d("network", "disconnect", "bridge", "still");
    expect(await out("inspect", "-f", networks, "still")).toBe("net2");
    const shown = await out("start", "-a", "still");
    expect(shown).toContain(`inet 10.215.${daemon().slot}.`);
    expect(shown).not.toContain(`inet 10.213.${daemon().slot}.`);
    await d("rm", "-f", "box", "still");
    expect((await d("network", "rm", "net2")).stderr).toBe("");
  });

  test("a running container's hosts file, default route and names follow its networks", async () => {
    const nets = `10.215.${daemon().slot}`;
    for (const [name, last] of [
      ["fa", 0],
      ["fb", 32],
      ["fc", 64],
    ]) {
      await d("network", "create", "--subnet", `${nets}.${last}/27`, `${name}`);
    }
    await d("run", "-d", "--name", "moves", "-h", "mv", "--network", "fb", "busybox", "sleep", "300");
    const ownLines = async () => {
      const lines = (await out("exec", "moves", "cat", "/etc/hosts")).split("\n").filter((line) => /\smv$/.test(line));
      return lines.map((line) => line.split(/\s+/)[0]);
    };
    const route = () => out("exec", "moves", "sh", "-c", "ip route | grep default || true");
    await d("exec", "moves", "sh", "-c", "echo '1.2.3.4 mine' >>/etc/hosts");
    await d("network", "connect", "--ip", `${nets}.77`, "fc", "moves");
    expect(await ownLines()).toEqual([`${nets}.34`, `${nets}.77`]);
    expect(await route()).toBe(`default via ${nets}.33 dev eth0`);
    await d("network", "connect", "fa", "moves");
    expect(await route()).toBe(`default via ${nets}.1 dev eth2`);
    await d("network", "disconnect", "fa", "moves");
    expect(await route()).toBe(`default via ${nets}.33 dev eth0`);
    await d("network", "disconnect", "fb", "moves");
    expect(await route()).toBe(`default via ${nets}.65 dev eth1`);
    expect(await out("exec", "moves", "hostname", "-i")).toBe(`${nets}.77`);
    await d("network", "disconnect", "fc", "moves");
    expect([await route(), await ownLines()]).toEqual(["", []]);
    expect(await out("exec", "moves", "cat", "/etc/hosts")).toContain("1.2.3.4 mine");
    await d("network", "connect", "--gw-priority", "3", "fc", "moves");
    expect(await out("inspect", "-f", "{{range .NetworkSettings.Networks}}{{json .DNSNames}}{{end}}", "moves")).toMatch(
      /^\["moves","[0-9a-f]{12}","mv"\]$/,
    );
    await d("network", "connect", "fa", "moves");
    expect(await route()).toBe(`default via ${nets}.65 dev eth0`);
    await d("restart", "-t", "0", "moves");
    expect(await route()).toBe(`default via ${nets}.65 dev eth1`);
    await d("rm", "-f", "moves");
    await d("network", "rm", "fa", "fb", "fc");
  });

  test("prune takes what nobody uses", async () => {
    await d("network", "create", "used");
    await d("network", "create", "unused");
    await d("run", "-d", "--name", "user", "--network", "used", "busybox", "sleep", "300");
    const pruned = await d("network", "prune", "-f");
    expect(pruned.stdout).toContain("Deleted Networks:\nunused\n");
    expect((await out("network", "ls", "--format", "{{.Name}}")).split("\n")).toContain("used");
    await d("rm", "-f", "user");
    await d("network", "prune", "-f");
    expect(await out("network", "ls", "-q", "-f", "type=custom")).toBe("");
  });

  test("/etc/hosts names the container in each of its networks, and an internal network leads nowhere", async () => {
    await d("network", "create", "--internal", "inner");
    const hosts = await d("run", "--rm", "-h", "box", "--network", "inner", "busybox", "cat", "/etc/hosts");
    expect(hosts.stdout).toMatch(/^127\.0\.0\.1\s+localhost$/m);
    expect(hosts.stdout).toMatch(new RegExp(`^10\\.214\\.${daemon().slot}\\.\\d+\\s+box$`, "m"));
    expect(await out("run", "--rm", "--network", "inner", "busybox", "ip", "route")).not.toContain("default");
    await d("network", "rm", "inner");
  });

  test("events tell of networks", async () => {
    const since = Math.floor(Date.now() / 1000) - 1;
    await d("network", "create", "told");
    await d("run", "--rm", "--network", "told", "busybox", "true");
    await until("the network to be free", async () => (await d("network", "rm", "told")).code === 0);
    const format = "{{.Action}}";
    const told = await out(
      ...["events", "--since", `${since}`, "--until", `${Math.ceil(Date.now() / 1000) + 1}`],
      ...["-f", "type=network", "-f", "network=told", "--format", format],
    );
    expect(told.split("\n")).toEqual(["create", "connect", "disconnect", "destroy"]);
  });
});
