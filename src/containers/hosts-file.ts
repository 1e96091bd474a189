/** The /etc/hosts and /etc/resolv.conf of a running container follow its networks. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { withHostAddresses, withLinkedHost, withOwnAddress, withoutOwnAddress } from "../networks/files.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";
import { linkersOf } from "./links.ts";

/** The container may have written into the file; what has grown beyond this is left as it is. */
const largest = 1024 * 1024;

/** Adds or removes the line of one address; whatever else the container or its user wrote there stays. */
export function changeHosts(ctx: Context, container: Container, change: "add" | "remove", address: string): void {
  if (address === "") return;
  const { Hostname: hostname, Domainname: domainname } = container.record.config;
  const edit = change === "add" ? withOwnAddress : withoutOwnAddress;
  rewrite(ctx, container, address, (text) => edit(text, address, { hostname, domainname }));
}

/** Moves the host's own names to where the host is reached from now on. */
export function moveHost(ctx: Context, container: Container, before: readonly string[]): void {
  const after = ctx.networks.hostAddressesOf(container.id);
  if (after.length === before.length && after.every((address, n) => address === before[n])) return;
  const extraHosts = container.record.hostConfig.ExtraHosts ?? [];
  rewrite(ctx, container, after.join(" "), (text) => withHostAddresses(text, before, after, extraHosts));
}

/** Tells the running containers that link to one which has just started where it is now. */
export function tellLinkers(ctx: Context, started: Container): void {
  for (const { container, line } of linkersOf(ctx, started)) {
    try {
      rewrite(ctx, container, line.address, (text) => withLinkedHost(text, line));
    } catch (error) {
      ctx.log(`container ${container.id}: the line of ${started.id} in its /etc/hosts: ${messageOf(error)}`);
    }
  }
}

/** Points resolv.conf at the engine's name server once a network has one; what the container's user wrote there stays. */
export function serveNames(ctx: Context, container: Container): void {
  const texts = ctx.networks.servedResolvConf(container.id);
  const path = pathsOf(ctx, container.id).resolvConf;
  if (!texts || statSync(path).size !== Buffer.byteLength(texts.plain)) return;
  if (readFileSync(path, "utf8") === texts.plain) writeFileSync(path, texts.served);
}

function rewrite(ctx: Context, container: Container, address: string, edit: (text: string) => string): void {
  const path = pathsOf(ctx, container.id).hosts;
  const { size } = statSync(path);
  if (size > largest) {
    ctx.log(`container ${container.id}: /etc/hosts holds ${size} bytes, the line of ${address} is not changed`);
    return;
  }
  // Written in place: the file is mounted, so another one of the same name would never be seen inside.
  writeFileSync(path, edit(readFileSync(path, "utf8")));
}
