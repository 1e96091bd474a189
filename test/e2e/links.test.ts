/** `--link`: another container's address by a name of one's own. */
import { describe, expect, test } from "bun:test";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("%s run --link", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const shown = async (name: string, format: string) => (await cli("inspect", "-f", format, name)).stdout.trim();
  const address = (name: string) => shown(name, "{{.NetworkSettings.IPAddress}}");

  test("gives the environment and the hosts file of the default bridge, and follows a restart", async () => {
    await cli("run", "-d", "--name", "db", "-h", "dbhost", "--expose", "80", "-e", "A=1", "busybox", "sleep", "600");
    await cli("run", "-d", "--name", "web", "--link", "db:my-db", "--link", "db", "busybox", "sleep", "600");
    const first = await address("db");
    const { stdout } = await cli("exec", "web", "sh", "-c", "env; cat /etc/hosts");
    expect(stdout).toContain(`MY_DB_PORT_80_TCP=tcp://${first}:80\n`);
    expect(stdout).toContain("MY_DB_ENV_A=1\n");
    expect(stdout).toContain("DB_NAME=/web/db\n");
    expect(stdout).toContain(`${first}\tmy-db dbhost db\n`);
    expect(await shown("web", "{{json .HostConfig.Links}}")).toBe('["/db:/web/my-db","/db:/web/db"]');
    expect(await shown("web/my-db", "{{.Name}}")).toBe("/db");
    expect((await cli("ps", "--no-trunc", "--format", "{{.Names}}")).stdout).toContain("db,web/my-db,web/db\n");

    await cli("stop", "-t", "0", "db");
    const refused = await cli("restart", "-t", "0", "web");
    expect(refused.stderr).toContain("Cannot link to a non running container: /db AS /web/my-db");
    await cli("run", "-d", "--name", "filler", "busybox", "sleep", "600");
    await cli("start", "db", "web");
    await cli("restart", "-t", "0", "filler", "db");
    const now = await address("db");
    const { stdout: hosts } = await cli("exec", "web", "cat", "/etc/hosts");
    expect(hosts.split("\n").filter((line) => line.includes("my-db"))).toEqual([`${now}\tmy-db dbhost db`]);

    expect((await cli("rm", "--link", "web/my-db")).stdout).toBe("web/my-db\n");
    expect(await shown("web", "{{json .HostConfig.Links}}")).toBe('["/db:/web/db"]');
    expect((await cli("rm", "--link", "web/my-db")).stderr).toContain("No such container: web/my-db");
    await cli("rm", "-f", "db", "web", "filler");
  }, 60_000);

  test("on a network of the user's own is an alias there", async () => {
    await cli("network", "create", "own");
    await cli("run", "-d", "--name", "late", "--network", "own", "--link", "one:uno", "busybox", "sleep", "600");
    await cli("run", "-d", "--name", "one", "--network", "own", "busybox", "sleep", "600");
    const one = await shown("one", "{{.NetworkSettings.Networks.own.IPAddress}}");
    expect((await cli("exec", "late", "grep", "uno", "/etc/hosts")).stdout).toBe(`${one}\tuno\n`);
    expect(await shown("late", "{{json .NetworkSettings.Networks.own.Links}}")).toBe('["one:uno"]');
    expect((await cli("exec", "late", "env")).stdout).not.toContain("UNO_");
    const elsewhere = await cli("run", "--rm", "--link", "one", "busybox", "true");
    expect(elsewhere.stderr).toContain("not attached to default bridge network");
    await cli("rm", "-f", "late", "one");
    await cli("network", "rm", "own");
  }, 60_000);

  test("is refused where it can have no meaning", async () => {
    const refused = async (words: string, ...flags: string[]) => {
      const { code, stderr } = await cli("run", "--rm", ...flags, "busybox", "true");
      expect([code, stderr]).toEqual([125, expect.stringContaining(words)]);
    };
    await refused("could not get container for nobody: No such container: nobody", "--link", "nobody");
    await refused("host type networking can't be used with links", "--link", "nobody", "--network", "host");
  });
});
