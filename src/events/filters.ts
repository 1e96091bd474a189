import type { EventMessage } from "../api/events.ts";
import type { Filters } from "../api/filters.ts";

type Matcher = (event: EventMessage, value: string) => boolean;

/** Events of `type` whose object's id or name begins with `value`. */
const byObject =
  (type: string): Matcher =>
  (event, value) =>
    event.Type === type &&
    (event.Actor.ID.startsWith(value) || event.Actor.Attributes.name?.startsWith(value) === true);

const matchers: Readonly<Record<string, Matcher>> = {
  config: byObject("config"),
  container: byObject("container"),
  daemon: byObject("daemon"),
  // `health_status: healthy` answers to both its whole self and `health_status`; `exec_start: CMD` likewise.
  event: (event, value) => event.Action === value || event.Action.split(":", 1)[0] === value,
  image: imageMatches,
  label: labelMatches,
  network: byObject("network"),
  node: byObject("node"),
  plugin: byObject("plugin"),
  scope: (event, value) => event.scope === value,
  secret: byObject("secret"),
  service: byObject("service"),
  type: (event, value) => event.Type === value,
  volume: byObject("volume"),
};

/** True when the event satisfies every named filter; several values of one name are alternatives, labels must all hold. */
export function eventMatches(event: EventMessage, filters: Filters): boolean {
  for (const [name, values] of filters) {
    const matcher = Object.hasOwn(matchers, name) ? matchers[name] : undefined;
    if (!matcher || values.length === 0) continue;
    const satisfied = name === "label" ? values.every((v) => matcher(event, v)) : values.some((v) => matcher(event, v));
    if (!satisfied) return false;
  }
  return true;
}

function labelMatches(event: EventMessage, value: string): boolean {
  const at = value.indexOf("=");
  const attributes = event.Actor.Attributes;
  if (at < 0) return Object.hasOwn(attributes, value);
  const key = value.slice(0, at);
  return Object.hasOwn(attributes, key) && attributes[key] === value.slice(at + 1);
}

function imageMatches(event: EventMessage, value: string): boolean {
  const attributes = event.Actor.Attributes;
  const candidates = event.Type === "image" ? [event.Actor.ID, attributes.name] : [attributes.image];
  return candidates.some((name) => name !== undefined && (name === value || untagged(name) === value));
}

function untagged(reference: string): string {
  const colon = reference.lastIndexOf(":");
  return colon > reference.lastIndexOf("/") ? reference.slice(0, colon) : reference;
}
