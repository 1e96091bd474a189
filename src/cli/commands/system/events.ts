import type { EventMessage } from "../../../api/events.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/client.ts";
import { parseTimestamp } from "../../../lib/duration.ts";
import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { defineCommand } from "../../command.ts";

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
    const template =
      flags.format === "" || flags.format === "json"
        ? null
        : (await import("../../format-template.ts")).compileFormat(flags.format);
    for await (const event of events) {
      if (template) cli.out(`${template.execute(fieldsOf(event))}\n`);
      else cli.out(flags.format === "json" ? `${stringifyJson(event)}\n` : describe(event));
      await cli.flush();
    }
    return 0;
  },
});

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
