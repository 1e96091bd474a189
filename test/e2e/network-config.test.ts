/** Configuration-only networks: what they refuse and what networks made from them have. Words are dockerd 28.5's. */
import { describe, expect, test } from "bun:test";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const shown =
  "{{json .IPAM.Config}} {{json .Options}} {{json .Labels}} {{.ConfigOnly}} {{json .ConfigFrom}} {{.EnableIPv4}} {{.EnableIPv6}}";

describe("configuration-only networks", () => {
  const daemon = withDaemon();

  test.each(clients)(
    "hold what %s writes down, for the networks that are made from them",
    async (client) => {
      const d = daemon();
      const must = async (...args: string[]) => {
        const { code, stdout, stderr } = await d.run(client, ...args);
        if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
        return stdout.trim();
      };
      const refusal = async (...args: string[]) => {
        const { stderr } = await d.run(client, ...args);
        return stderr
          .trim()
          .split("\n")[0]
          ?.replace(/^((docker|dhow): )?Error response from daemon: /, "");
      };
      const prefix = `10.217.${d.slot}`;
      const subnet = [`--subnet=${prefix}.0/24`, `--gateway=${prefix}.7`, `--ip-range=${prefix}.128/25`];
      const options = [
        "--aux-address",
        `a=${prefix}.129`,
        "-o",
        "com.docker.network.driver.mtu=1400",
        "--label",
        "a=b",
      ];
      await must("network", "create", "--config-only", ...subnet, ...options, "words");
      const config = `[{"Subnet":"${prefix}.0/24","IPRange":"${prefix}.128/25","Gateway":"${prefix}.7","AuxiliaryAddresses":{"a":"${prefix}.129"}}]`;
      const rest = `${config} {"com.docker.network.driver.mtu":"1400"} {"a":"b"}`;
      expect(await must("network", "inspect", "-f", `{{.Driver}} ${shown}`, "words")).toBe(
        `null ${rest} true {"Network":""} true false`,
      );

      const networkOnly =
        "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.";
      for (const field of ["--internal", "--attachable", "--ingress", "--scope=local"]) {
        expect(await refusal("network", "create", "--config-only", field, "more")).toBe(networkOnly);
      }
      expect(await refusal("network", "create", "--config-only", "--config-from", "words", "more")).toBe(
        "a configuration network cannot depend on another configuration network",
      );
      const chosen =
        "user specified configurations are not supported if the network depends on a configuration network";
      for (const field of ["--subnet=10.218.0.0/24", "--ipv6", "--ipam-opt=a=b", "--ipam-driver=null", "--label=c=d"]) {
        expect(await refusal("network", "create", "--config-from", "words", field, "made")).toBe(chosen);
      }
      expect(await refusal("network", "create", "--config-from", "words", "-o", "a=b", "made")).toBe(
        "network driver options are not supported if the network depends on a configuration network",
      );
      for (const name of ["nowhere", "bridge"]) {
        expect(await refusal("network", "create", "--config-from", name, "made")).toBe(
          `configuration network "${name}" does not exist`,
        );
      }
      // Nothing of it is in the kernel, so no container is.
      expect(await refusal("run", "--rm", "--network", "words", "busybox", "true")).toBe(
        "failed to set up container networking: cannot create endpoint on configuration-only network",
      );

      await must("network", "create", "--config-from", "words", "made");
      expect(await must("network", "inspect", "-f", `{{.Driver}} ${shown}`, "made")).toBe(
        `bridge ${rest} false {"Network":"words"} true false`,
      );
      const seen = await must("run", "--rm", "--network", "made", "busybox", "ip", "addr", "show", "eth0");
      expect(seen).toContain(" mtu 1400 ");
      expect(seen).toContain(`inet ${prefix}.128/24 `);
      expect(await refusal("network", "create", "--config-from", "words", "again")).toBe(
        "invalid pool request: Pool overlaps with other one on this address space",
      );
      expect(await refusal("network", "rm", "words")).toBe(
        'error while removing network: configuration network "words" is in use',
      );
      // Pruned is what is made from it, never the configuration.
      expect(await must("network", "prune", "-f")).toBe("Deleted Networks:\nmade");
      await must("network", "rm", "words");
    },
    60_000,
  );

  test("outlive a restart, and are read when a network is made, not before", async () => {
    const d = daemon();
    await d.must("network", "create", "--config-only", "-d", "nosuch", "-o", "com.docker.network.nosuch=1", "words");
    await d.must("network", "create", "--config-only", "--ipv6", "six");
    await d.restart();
    expect((await d.dhow("network", "create", "--config-from", "words", "made")).stderr).toContain(
      "not implemented yet",
    );
    await d.must("network", "create", "--config-from", "six", "made");
    expect((await d.must("network", "inspect", "-f", "{{.EnableIPv6}}", "made")).trim()).toBe("true");
    await d.must("network", "rm", "made", "words", "six");
  });
});
