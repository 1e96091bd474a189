import type { EventMessage } from "../../../api/events.ts";
import { paths } from "../../../api/paths.ts";
import { filterQuery, to } from "../../../client/route-call.ts";
import { labels } from "../../../compose/labels.ts";
import { parseTimestamp } from "../../../lib/duration.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Print what happens to the project's containers as it happens",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    json: flag.bool("Print JSON, one event a line"),
    since: flag.string("From a time or a duration ago on"),
    until: flag.string("Stop at a time"),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project } = await scope.found();
    const now = new Date();
    const events = scope.client.jsonStream<EventMessage>(
      to(
        paths.events,
        {},
        {
          since: parseTimestamp(flags.since, now),
          until: parseTimestamp(flags.until, now),
          filters: filterQuery({ type: ["container"], label: [`${labels.project}=${project.name}`] }),
        },
      ),
    );
    for await (const event of events) {
      const service = event.Actor.Attributes[labels.service] ?? "";
      if (event.Actor.Attributes[labels.oneoff] === "True" || (args.length > 0 && !args.includes(service))) continue;
      cli.out(`${flags.json ? jsonOf(event, service) : textOf(event)}\n`);
      await cli.flush();
    }
    return 0;
  },
});

function shownAttributes({ Actor }: EventMessage): [string, string][] {
  return Object.entries(Actor.Attributes).filter(([name]) => !name.startsWith("com.docker.compose."));
}

/** `2026-11-27 11:44:25.433452`, in local time. */
function localTime({ timeNano }: EventMessage): string {
  const nanoseconds = BigInt(timeNano);
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const pad = (n: number, width = 2): string => String(n).padStart(width, "0");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const micros = Number((nanoseconds / 1000n) % 1_000_000n);
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(micros, 6)}`;
}

function textOf(event: EventMessage): string {
  const attributes = shownAttributes(event).map(([name, value]) => `${name}=${value}`);
  return `${localTime(event)} container ${event.Action} ${event.Actor.ID} (${attributes.join(", ")})\n`;
}

function jsonOf(event: EventMessage, service: string): string {
  const nanoseconds = BigInt(event.timeNano);
  const second = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
  return JSON.stringify({
    time: `${second}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}Z`,
    type: "container",
    service,
    id: event.Actor.ID,
    action: event.Action,
    attributes: Object.fromEntries(shownAttributes(event)),
  });
}
