import type { IPAMConfig, NetworkCreateResponse } from "../../../api/networks.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { readLabels } from "../../container/env-file.ts";
import { checkLabel } from "../../container/name-checks.ts";

export const command = defineCommand({
  summary: "Create a network",
  usage: "NETWORK",
  args: { min: 1, max: 1 },
  flags: {
    attachable: flag.bool("Let containers outside of services join"),
    "aux-address": flag.map("Address that the driver must leave alone (name=address)"),
    "config-from": flag.string("Network whose configuration to copy", { complete: "networks" }),
    "config-only": flag.bool("Hold configuration only"),
    driver: flag.string("Driver", { short: "d", initial: "bridge" }),
    gateway: flag.strings("Gateway of the subnet"),
    ingress: flag.bool("Make the swarm's routing mesh"),
    internal: flag.bool("Give no way out"),
    "ip-range": flag.strings("Part of the subnet that containers get addresses from"),
    "ipam-driver": flag.string("Driver that manages addresses", { initial: "default" }),
    "ipam-opt": flag.map("Option of the address driver"),
    ipv4: flag.bool("Give IPv4 addresses", { initial: true }),
    ipv6: flag.bool("Give IPv6 addresses"),
    label: flag.list("Label (key=value)", { check: checkLabel }),
    opt: flag.map("Option of the driver", { short: "o" }),
    scope: flag.string("Scope of the network"),
    subnet: flag.strings("Subnet, such as 10.1.0.0/16"),
  },
  async run(cli, { flags, changed, args: [Name = ""] }) {
    const client = await cli.client();
    const created = await client.json<NetworkCreateResponse>(to(paths.networkCreate), {
      json: {
        Name,
        Driver: flags.driver,
        Scope: flags.scope,
        ...(changed.has("ipv4") && { EnableIPv4: flags.ipv4 }),
        ...(changed.has("ipv6") && { EnableIPv6: flags.ipv6 }),
        IPAM: {
          Driver: flags["ipam-driver"],
          Options: flags["ipam-opt"],
          Config: ipamConfig(flags.subnet, flags["ip-range"], flags.gateway, flags["aux-address"]),
        },
        Internal: flags.internal,
        Attachable: flags.attachable,
        Ingress: flags.ingress,
        ConfigOnly: flags["config-only"],
        ...(flags["config-from"] && { ConfigFrom: { Network: flags["config-from"] } }),
        Options: flags.opt,
        Labels: await readLabels([], flags.label),
      },
    });
    if (created.Warning) cli.err(`WARNING: ${created.Warning}\n`);
    cli.out(`${created.Id}\n`);
    return 0;
  },
});

/** Each range, gateway and reserved address goes to the subnet that holds it. */
function ipamConfig(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  reserved: Record<string, string>,
): IPAMConfig[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw new Error("every ip-range or gateway must have a corresponding subnet");
  }
  const configs = subnets.map((Subnet): IPAMConfig => ({ Subnet }));
  const holder = (what: string, address: string): IPAMConfig => {
    const found = configs.find(({ Subnet = "" }) => contains(Subnet, address.replace(/\/.*$/, "")));
    if (!found) throw new Error(`no matching subnet for ${what} ${address}`);
    return found;
  };
  for (const range of ranges) holder("range", range).IPRange = range;
  for (const gateway of gateways) holder("gateway", gateway).Gateway = gateway;
  for (const [name, address] of Object.entries(reserved)) {
    const config = holder("aux-address", address);
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return configs;
}

function contains(subnet: string, address: string): boolean {
  const [base = "", bits = ""] = subnet.split("/");
  const network = addressBits(base);
  const other = addressBits(address);
  return (
    network !== null &&
    other !== null &&
    network.length === other.length &&
    network.startsWith(other.slice(0, Number(bits)))
  );
}

/** An address as a text of binary digits; null when it is none. */
function addressBits(text: string): string | null {
  const binary = (value: number, width: number): string => value.toString(2).padStart(width, "0");
  if (/^\d+(\.\d+){3}$/.test(text))
    return text
      .split(".")
      .map((part) => binary(Number(part), 8))
      .join("");
  if (!text.includes(":")) return null;
  const [left = "", right] = text.split("::");
  const words = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const head = words(left);
  const tail = right === undefined ? [] : words(right);
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  return [...head, ...zeros, ...tail].map((word) => binary(Number.parseInt(word, 16), 16)).join("");
}
