/** The columns of `compose ps`. */
import type { ContainerSummary } from "../../api/containers.ts";
import { labels } from "../../compose/labels.ts";
import { containerListing } from "../container/listing.ts";
import type { Field, Listing } from "../format.ts";

const columns = ["Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports"];

export function psListing(full: boolean): Listing<ContainerSummary> {
  const base = containerListing(full);
  const field = (header: string, value: (row: ContainerSummary) => string, json?: Field<ContainerSummary>["json"]) => ({
    header,
    value,
    ...(json && { json }),
  });
  return {
    ...base,
    columns,
    typeName: "*formatter.ContainerContext",
    fields: {
      ...withoutPlatform(base.fields),
      ExitCode: field("EXIT CODE", (row) => String(exitCode(row)), Number),
      Health: field("HEALTH", health),
      Name: field("NAME", name),
      Names: field("NAMES", name),
      Project: field("PROJECT", (row) => row.Labels[labels.project] ?? ""),
      Publishers: field(
        "PUBLISHERS",
        (row) => JSON.stringify(publishers(row)),
        (text) => JSON.parse(text),
      ),
      Service: field("SERVICE", (row) => row.Labels[labels.service] ?? ""),
    },
  };
}

function withoutPlatform({ Platform: _, ...fields }: Listing<ContainerSummary>["fields"]) {
  return fields;
}

const name = ({ Names }: ContainerSummary): string =>
  (Names.find((each) => !each.slice(1).includes("/")) ?? "").slice(1);

const exitCode = ({ Status }: ContainerSummary): number => Number(/^Exited \((\d+)\)/.exec(Status)?.[1] ?? 0);

/** What `(healthy)` and its like in the status say. */
function health({ Status }: ContainerSummary): string {
  return /\((?:health: )?(healthy|unhealthy|starting)\)/.exec(Status)?.[1] ?? "";
}

function publishers({ Ports }: ContainerSummary) {
  return Ports.map(({ IP = "", PrivatePort, PublicPort = 0, Type }) => ({
    URL: IP,
    TargetPort: PrivatePort,
    PublishedPort: PublicPort,
    Protocol: Type,
  })).sort((a, b) => a.TargetPort - b.TargetPort || (a.URL < b.URL ? -1 : 1));
}
