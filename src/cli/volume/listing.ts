/** The columns of `volume ls`. */
import type { Volume } from "../../api/volumes.ts";
import { humanSize } from "../../lib/units.ts";
import { showLabels } from "../container/listing.ts";
import type { Listing } from "../format.ts";

export const volumeListing: Listing<Volume> = {
  raw: { full: "name: {{.Name}}\ndriver: {{.Driver}}\n", quiet: "name: {{.Name}}" },
  typeName: "*formatter.volumeContext",
  quiet: "Name",
  columns: ["Driver", "Name"],
  methods: { Label: (row, name = "") => row.Labels?.[name] ?? "" },
  fields: {
    Availability: { header: "AVAILABILITY", value: () => "N/A" },
    Driver: { header: "DRIVER", value: (row) => row.Driver },
    Group: { header: "GROUP", value: () => "N/A" },
    Labels: { header: "LABELS", value: (row) => showLabels(row.Labels) },
    Links: { header: "LINKS", value: (row) => (row.UsageData ? String(row.UsageData.RefCount) : "N/A") },
    Mountpoint: { header: "MOUNTPOINT", value: (row) => row.Mountpoint },
    Name: { header: "VOLUME NAME", value: (row) => row.Name },
    Scope: { header: "SCOPE", value: (row) => row.Scope },
    Size: { header: "SIZE", value: (row) => (row.UsageData ? humanSize(row.UsageData.Size) : "N/A") },
    Status: { header: "STATUS", value: () => "N/A" },
  },
};
