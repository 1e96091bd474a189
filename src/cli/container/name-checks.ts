/** Checks of names and addresses that Docker's client makes while it parses flags; each returns the value to send. */
import { splitPair } from "../../lib/flags.ts";
import { canonicalAddress } from "./ip-address.ts";

/** `--label`: a name, then perhaps `=` and a value. */
export function checkLabel(text: string): string {
  const name = splitPair(text)[0].trimStart();
  if (name === "") throw new Error(`invalid label '${text}': empty name`);
  if (/\s/.test(name)) throw new Error(`label '${name}' contains whitespaces`);
  return text;
}

/** `--env`: a name, then perhaps `=` and a value. */
export function checkVariable(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
  return text;
}

/** `--attach`. */
export function checkStream(text: string): string {
  const stream = text.toLowerCase();
  if (!["stdin", "stdout", "stderr"].includes(stream)) throw new Error("valid streams are STDIN, STDOUT and STDERR");
  return stream;
}

/** `--dns`. */
export function checkAddress(text: string): string {
  const address = canonicalAddress(text.trim());
  if (address === null) throw new Error(`IP address is not correctly formatted: ${text}`);
  return address;
}

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const domain = new RegExp(`^(${label}(?:\\.${label})*)\\.?\\s*$`);

/** `--dns-search`: a domain, or `.` for none. */
export function checkDomain(text: string): string {
  const trimmed = text.replace(/^ +| +$/g, "");
  if (trimmed === ".") return trimmed;
  const name = /[a-zA-Z]/.test(trimmed) ? domain.exec(trimmed)?.[1] : undefined;
  if (name === undefined || name.length >= 255) throw new Error(`${trimmed} is not a valid domain`);
  return name;
}

/** `--add-host`: `name:address` or `name=address`, written the API's way. */
export function checkExtraHost(text: string): string {
  const separator = text.includes("=") ? "=" : ":";
  const [name, given] = splitPair(text, separator);
  if (!text.includes(separator) || name === "") throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  if (given === "host-gateway") return `${name}:${given}`;
  const address = canonicalAddress(given.replace(/^\[(.+)\]$/, "$1").trim());
  if (address === null) throw new Error(`invalid IP address in add-host: ${JSON.stringify(given)}`);
  return `${name}:${address}`;
}

/** `--link`: a container, then perhaps `:` and an alias. */
export function checkLink(text: string): string {
  if (text === "") throw new Error("empty string specified for links");
  if (text.split(":").length > 2) throw new Error(`bad format for links: ${text}`);
  return text;
}

/** `--mac-address`, also of one network: 6, 8 or 20 bytes, in any of the usual notations. */
export function checkMacAddress(text: string): string {
  const trimmed = text.trim();
  const pairs = /^[\da-f]{2}(?:([:-])[\da-f]{2}(?:\1[\da-f]{2})*)$/i.test(trimmed) ? (trimmed.length + 1) / 3 : 0;
  const quads = /^[\da-f]{4}(?:\.[\da-f]{4})+$/i.test(trimmed) ? ((trimmed.length + 1) / 5) * 2 : 0;
  if (![6, 8, 20].includes(pairs || quads)) throw new Error(`${trimmed} is not a valid mac address`);
  return trimmed;
}
