/** Records of older engines in today's shape. What is wrong in them comes through, and is refused by their schema. */

type Fields = Record<string, unknown>;

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? { ...value } : {});

/** Version 1 of a network kept IPv4 addresses and the device in one `bridge`. */
export function networkFromBridge(document: unknown): unknown {
  const { bridge, ...network } = fieldsOf(document);
  if (bridge === null) return { ...network, ipv4: null, ipv6: null, device: null };
  const { device: name, subnet, gateway, router, range, reserved, userSubnet, ...policy } = fieldsOf(bridge);
  return {
    ...network,
    ipv4: { subnet, gateway, ...(router === undefined ? {} : { router }), range, reserved, userSubnet },
    ipv6: null,
    device: { kind: "bridge", name, ...policy, modes: { ipv4: "nat", ipv6: "nat" } },
  };
}

/** Version 1 of a sandbox's state named a network by its bridge and gave each interface one address. */
export function sandboxFromBridges(document: unknown): unknown {
  const { state, ...sandbox } = fieldsOf(document);
  if (state === null) return { ...sandbox, state };
  const { interfaces, ...rest } = fieldsOf(state);
  return { ...sandbox, state: { ...rest, interfaces: (interfaces as unknown[]).map(interfaceFromBridge) } };
}

function interfaceFromBridge(one: unknown): unknown {
  const { bridge, address, gateway, ...rest } = fieldsOf(one);
  return { ...rest, link: "veth", segment: bridge, ipv4: { address, gateway }, ipv6: null };
}
