/** The texts of a container's /etc/hosts and /etc/resolv.conf. Nothing from a request reaches them unchecked. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { invalidArgument } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { resolverAddress } from "./netd/dns/resolver-address.ts";
import type { LinkedHost } from "./networks.ts";

export interface HostsInput {
  readonly hostname: string;
  readonly domainname: string;
  /** The container's own addresses. */
  readonly addresses: readonly string[];
  /** `name:address`. */
  readonly extraHosts: readonly string[];
  /** Other containers, each with its names. */
  readonly linkedHosts?: readonly LinkedHost[] | undefined;
  /** What `host-gateway` stands for. */
  readonly hostGateways: readonly string[];
  /** Where the container reaches its host; none where it cannot. */
  readonly hostAddresses?: readonly string[] | undefined;
}

/** Names of the host itself, Docker Desktop's and podman's. */
const hostNames = ["host.docker.internal", "host.containers.internal"];

const localLines = [
  ["127.0.0.1", "localhost"],
  ["::1", "localhost ip6-localhost ip6-loopback"],
  ["fe00::", "ip6-localnet"],
  ["ff00::", "ip6-mcastprefix"],
  ["ff02::1", "ip6-allnodes"],
  ["ff02::2", "ip6-allrouters"],
] as const;

/** A container's /etc/hosts; throws `invalidArgument` for a name or address that could not be one. */
export function hostsText(input: HostsInput): string {
  const lines: string[][] = localLines.map((line) => [...line]);
  const extra = extraLines(input);
  for (const entry of extra) lines.push(entry);
  const free = freeHostNames(input.extraHosts);
  for (const address of free === "" ? [] : (input.hostAddresses ?? [])) lines.push([address, free]);
  for (const { address, names } of input.linkedHosts ?? []) lines.push([address, linkedNames(names)]);
  for (const address of input.addresses) lines.push([address, ownNames(input)]);
  return `${lines.map((line) => line.join("\t")).join("\n")}\n`;
}

/** Those of the host's names that no line of the user's has. */
const freeHostNames = (extraHosts: readonly string[]): string =>
  hostNames.filter((name) => !extraHosts.some((entry) => splitExtraHost(entry).name === name)).join(" ");

/** A container's /etc/hosts with the host's names at `after` instead of `before`. */
export function withHostAddresses(
  text: string,
  before: readonly string[],
  after: readonly string[],
  extraHosts: readonly string[],
): string {
  const names = freeHostNames(extraHosts);
  const lineOf = (address: string): string => `${address}\t${names}`;
  const old = new Set(before.map(lineOf));
  const kept = text.split("\n").filter((line) => !old.has(line));
  return names === "" ? text : after.reduce((all, address) => appended(all, lineOf(address)), kept.join("\n"));
}

/** A container's /etc/hosts with a line for one more address of its own. */
export function withOwnAddress(
  text: string,
  address: string,
  names: Pick<HostsInput, "hostname" | "domainname">,
): string {
  return appended(text, `${address}\t${ownNames(names)}`);
}

const appended = (text: string, line: string): string =>
  `${text === "" || text.endsWith("\n") ? text : `${text}\n`}${line}\n`;

/** The same text without the line that {@link withOwnAddress} or {@link hostsText} wrote for that address. */
export function withoutOwnAddress(
  text: string,
  address: string,
  names: Pick<HostsInput, "hostname" | "domainname">,
): string {
  const own = `${address}\t${ownNames(names)}`;
  const lines = text.split("\n");
  return lines.filter((line) => line !== own).join("\n");
}

/** The host's own file with the extra names, for a container on the host's network. */
export function hostNetworkHosts(input: HostsInput): string {
  const text = readText("/etc/hosts") || `${localLines.map((line) => line.join("\t")).join("\n")}\n`;
  const extra = extraLines(input).map((line) => `${line.join("\t")}\n`);
  return (text.endsWith("\n") ? text : `${text}\n`) + extra.join("");
}

/** A container's /etc/hosts with the line of another container that has come, or has come back elsewhere. */
export function withLinkedHost(text: string, { address, names }: LinkedHost): string {
  const wanted = linkedNames(names);
  const isIts = (line: string): boolean => line.slice(line.indexOf("\t") + 1) === wanted && line.includes("\t");
  const lines = text.split("\n");
  if (!lines.some(isIts)) return appended(text, `${address}\t${wanted}`);
  return lines.map((line) => (isIts(line) ? `${address}\t${wanted}` : line)).join("\n");
}

function linkedNames(names: readonly string[]): string {
  return names.map(checkedName).join(" ");
}

function extraLines({ extraHosts, hostGateways }: HostsInput): string[][] {
  return extraHosts.flatMap((entry) => {
    const { name, address } = splitExtraHost(entry);
    const addresses = address === "host-gateway" ? hostGateways : [address];
    return addresses.map((one) => [one, name]);
  });
}

/** Splits `name:address` (or `name=address`); the address may be an IPv6 one in brackets. */
function splitExtraHost(entry: string): { name: string; address: string } {
  const [, name = "", raw = ""] = /^([^:=]+)[:=](.*)$/s.exec(entry) ?? [];
  const address = raw.replace(/^\[(.*)\]$/, "$1");
  if (!isPlain(name)) throw invalidArgument(`bad format for add-host: ${JSON.stringify(entry)}`);
  if (address !== "host-gateway" && isIP(address) === 0) {
    throw invalidArgument(`invalid IP address in add-host: ${JSON.stringify(raw)}`);
  }
  return { name, address };
}

function ownNames({ hostname, domainname }: Pick<HostsInput, "hostname" | "domainname">): string {
  for (const name of [hostname, domainname]) checkedName(name);
  const full = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const [short = ""] = hostname.split(".", 1);
  return short === "" || short === full ? full : `${full} ${short}`;
}

/** Blanks are dockerd's way: the line then names more than one host. What ends the line is refused. */
function checkedName(name: string): string {
  if (/\p{Cc}/u.test(name)) throw invalidArgument(`invalid hostname: ${JSON.stringify(name)}`);
  return name;
}

/** One word that a line of either file can hold. */
const isPlain = (word: string): boolean => /^[^\s#\p{Cc}]+$/u.test(word);

export interface ResolvInput {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** Loopback servers of the host are out of reach in a namespace of its own. */
  readonly ownNamespace: boolean;
  /** The engine's own server answers, and asks others where it has no answer. */
  readonly nameService: boolean;
}

/** A container's /etc/resolv.conf: what was asked for, the rest as on the host. */
export function resolvText(input: ResolvInput, host: Resolv = hostResolv()): string {
  for (const server of input.servers) {
    if (isIP(server) === 0) throw invalidArgument(`invalid DNS address: ${JSON.stringify(server)}`);
  }
  const search = input.search.length > 0 ? input.search.filter((domain) => domain !== ".") : host.search;
  const asked = input.options.length > 0 ? input.options : host.options;
  // A name of one label is a container's here, and needs no search list first.
  const ownNdots = input.nameService && !asked.some(isNdots);
  const options = ownNdots ? [...asked, "ndots:0"] : asked;
  for (const word of [...input.search, ...input.options]) {
    if (!isPlain(word)) throw invalidArgument(`invalid DNS option: ${JSON.stringify(word)}`);
  }
  const lines = shownServers(input, host).map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return [...head, ...lines, ...origin(input, host, options, ownNdots), ""].join("\n");
}

const isNdots = (option: string): boolean => option.startsWith("ndots:");

function shownServers(input: ResolvInput, host: Resolv): readonly string[] {
  if (input.nameService) return [resolverAddress];
  if (input.servers.length > 0) return input.servers;
  return host.servers.filter((server) => !input.ownNamespace || !/^(127\.|::1$)/.test(server));
}

const head = [
  "# Generated by Docker Engine.",
  "# This file can be edited; Docker Engine will not make further changes once it",
  "# has been modified.",
  "",
];

/** The comments at the end, which programs read too: where the settings come from. */
function origin(input: ResolvInput, host: Resolv, options: readonly string[], ownNdots: boolean): string[] {
  const overrides = [
    ...(input.servers.length > 0 ? ["nameservers"] : []),
    ...(input.search.length > 0 ? ["search"] : []),
    ...(input.options.length > 0 ? ["options"] : []),
  ];
  const source = ownNdots ? "internal" : input.options.length > 0 ? "override" : "host";
  const kind = input.nameService ? " (internal resolver)" : input.ownNamespace ? " (legacy)" : "";
  const outside = input.servers.length > 0 ? input.servers : host.servers.map((server) => `host(${server})`);
  return [
    "",
    `# Based on host file: '/etc/resolv.conf'${kind}`,
    ...(input.nameService ? [`# ExtServers: [${outside.join(" ")}]`] : []),
    `# Overrides: [${overrides.join(" ")}]`,
    ...(options.some(isNdots) ? [`# Option ndots from: ${source}`] : []),
  ];
}

/** The name servers that the host itself asks. */
export const hostServers = (): readonly string[] => hostResolv().servers;

interface Resolv {
  servers: string[];
  search: string[];
  options: string[];
}

/** systemd-resolved's stub listens on loopback; the servers behind it are in a file of its own. */
export function hostResolv(): Resolv {
  const first = parseResolv(readText("/etc/resolv.conf"));
  const onlyStub = first.servers.length > 0 && first.servers.every((server) => server === "127.0.0.53");
  if (!onlyStub) return first;
  const behind = readText("/run/systemd/resolve/resolv.conf");
  return behind === "" ? first : parseResolv(behind);
}

/** Reads the parts of resolv.conf(5) that matter; the last `search` wins. */
export function parseResolv(text: string): Resolv {
  const found: Resolv = { servers: [], search: [], options: [] };
  for (const line of text.split("\n")) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && words[0]) found.servers.push(words[0]);
    if (keyword === "search" || keyword === "domain") found.search = words;
    if (keyword === "options") found.options.push(...words);
  }
  return found;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
