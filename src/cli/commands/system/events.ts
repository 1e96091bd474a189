import type { EventMessage } from "../../../api/events.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { parseTimestamp } from "../../../lib/duration.ts";
import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { defineCommand, ExitError } from "../../command.ts";

export const command = defineCommand({
  summary: "Print what happens in the daemon as it happens",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    filter: flag.filter("Show only what meets a condition"),
    format: flag.string("How to print: json, or a Go template"),
    since: flag.string("From a time or a duration ago on"),
    until: flag.string("Stop at a time"),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const now = new Date();
    const show = await printerOf(flags.format);
    const events = client.jsonStream<EventMessage>(
      to(
        paths.events,
        {},
        {
          since: parseTimestamp(flags.since, now),
          until: parseTimestamp(flags.until, now),
          filters: filterQuery(flags.filter),
        },
      ),
    );
    for await (const event of events) {
      cli.out(show(event));
      await cli.flush();
    }
    return 0;
  },
});

/** How an event is printed. A template is tried on an empty event first, so that one that fails is told at once. */
async function printerOf(format: string): Promise<(event: EventMessage) => string> {
  if (format === "") return describe;
  if (format === "json") return (event) => `${stringifyJson(event)}\n`;
  const { compileFormat, eventsRefusal, structError } = await import("../../format-template.ts");
  const template = compileFormat(format, { missing: "error" }, eventsRefusal);
  try {
    template.execute(fieldsOf(emptyEvent));
  } catch (error) {
    const { code, words } = eventsRefusal;
    throw new ExitError(code, `${words}: ${structError(error, { "": "*events.Message", ".Actor": "events.Actor" })}`);
  }
  return (event) => `${template.execute(fieldsOf(event))}\n`;
}

const emptyEvent: EventMessage = {
  Type: "container",
  Action: "",
  Actor: { ID: "", Attributes: {} },
  scope: "local",
  time: 0,
  timeNano: 0,
};

/** An event by the names that templates know; on the wire some are in small letters. */
function fieldsOf(event: EventMessage): Record<string, unknown> {
  const { status, id, from, scope, time, timeNano, ...rest } = event;
  return {
    Status: status ?? "",
    ID: id ?? "",
    From: from ?? "",
    ...rest,
    Scope: scope,
    Time: time,
    TimeNano: timeNano,
  };
}

function describe(event: EventMessage): string {
  const nanoseconds = BigInt(event.timeNano ?? 0);
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const pad = (n: number): string => String(Math.trunc(Math.abs(n))).padStart(2, "0");
  const offset = -date.getTimezoneOffset();
  const zone = offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${pad(offset / 60)}:${pad(offset % 60)}`;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, "0");
  const attributes = Object.entries(event.Actor?.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const tail = attributes.length > 0 ? ` (${attributes.join(", ")})` : "";
  return `${day}T${time}.${fraction}${zone} ${event.Type} ${event.Action} ${event.Actor?.ID}${tail}\n`;
}
