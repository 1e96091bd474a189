/** What a container asks of its networks: recorded here, and, while it runs, made so in the kernel first. */
import type { EndpointSettings } from "../api/networks.ts";
import { forbidden, messageOf } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { ConnectedContainer, EndpointChange } from "../networks/networks.ts";
import { requirePresent } from "./change.ts";
import type { Container } from "./container.ts";
import { type Context, save } from "./context.ts";
import { changeHosts, moveHost, serveNames } from "./hosts-file.ts";
import { hasProcess } from "./lifecycle.ts";
import type { ContainerRecord } from "./record.ts";

/** Not one of the intents of starts, creates and removals: these are settled once the networks are there. */
const operation = "connections.set";

type Endpoints = ContainerRecord["endpoints"];

/** `key` is what the network was called so far. */
function withEndpoint(
  endpoints: Endpoints,
  network: string,
  endpoint: EndpointSettings | null,
  key = network,
): Endpoints {
  const { [key]: _, ...others } = endpoints;
  return endpoint ? { ...others, [network]: endpoint } : others;
}

/** Records what the container asks of a network, null being nothing, after `change` has granted it. */
export async function setEndpoint(
  ctx: Context,
  container: Container,
  network: string,
  endpoint: EndpointSettings | null,
  change: EndpointChange,
): Promise<void> {
  await container.lock.run(async () => {
    requirePresent(ctx, container);
    const { id: containerId, record } = container;
    if (endpoint && record.hostConfig.NetworkMode.startsWith("container:")) {
      throw forbidden(
        "container sharing network namespace with another container or host cannot be connected to any other network",
      );
    }
    const key = change.keyOf(record.endpoints) ?? network;
    if (!hasProcess(container.status)) {
      change.stopped({ containerId, endpoints: record.endpoints });
      save(ctx, container, "full", { endpoints: withEndpoint(record.endpoints, network, endpoint, key) });
      return;
    }
    const intent = ctx.db.transaction("normal", (tx) =>
      ctx.intents.begin(tx, {
        operation,
        subject: containerId,
        effects: [network, JSON.stringify(endpoint), key],
      }),
    );
    const hostBefore = ctx.networks.hostAddressesOf(containerId);
    let changed: EndpointSettings;
    try {
      changed = await change.running(connectedContainer(record));
    } catch (error) {
      ctx.db.settle((tx) => ctx.intents.finish(tx, intent));
      throw error;
    }
    // The kernel has it: the record follows, now or when the disk takes it, and a crash until then finds the intent.
    const next = { ...record, endpoints: withEndpoint(record.endpoints, network, endpoint, key) };
    ctx.db.settle((tx) => {
      ctx.records.put(tx, containerId, next);
      ctx.intents.finish(tx, intent);
    }, "full");
    container.record = next;
    failPoint("containers.connection.recorded");
    try {
      const addresses = [changed.IPAddress, changed.GlobalIPv6Address].filter((address) => address !== "");
      for (const address of addresses) changeHosts(ctx, container, endpoint ? "add" : "remove", address);
      moveHost(ctx, container, hostBefore);
      if (endpoint) serveNames(ctx, container);
    } catch (error) {
      ctx.log(`container ${containerId}: its /etc/hosts or resolv.conf: ${messageOf(error)}`);
    }
  });
}

function connectedContainer({ id, name, config, hostConfig }: ContainerRecord): ConnectedContainer {
  return {
    containerId: id,
    name,
    hostname: config.Hostname,
    portBindings: hostConfig.PortBindings,
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAllPorts: hostConfig.PublishAllPorts,
  };
}

/** After a crash in between, what is connected is what the networks say; the record follows. */
export function settleConnections(ctx: Context): void {
  for (const intent of ctx.intents.pending(operation)) {
    const [network = "", text = "null", key = network] = intent.effects;
    const container = ctx.index.find(intent.subject);
    const settings = container && hasProcess(container.status) ? ctx.networks.settingsOf(container.id) : undefined;
    ctx.db.transaction("normal", (tx) => {
      if (container && settings) {
        const { endpoints } = container.record;
        const asked = endpoints[key] ?? (JSON.parse(text) as EndpointSettings | null);
        const next = {
          ...container.record,
          endpoints: withEndpoint(endpoints, network, network in settings.Networks ? asked : null, key),
        };
        ctx.records.put(tx, container.id, next);
        container.record = next;
      }
      ctx.intents.finish(tx, intent.id);
    });
  }
}
