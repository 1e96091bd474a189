import { paths } from "../../../api/paths.ts";
import type { CheckLine, CheckSummary } from "../../../api/system-check.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { registryConfigHeader } from "../../image/auth.ts";
import { ofDhow } from "../../own-route.ts";
import { findingText, progressText, summaryText } from "../../system/check-text.ts";

const clearLine = "\r\x1b[2K";

export const command = defineCommand({
  summary: "Look for damage in images, layers and records",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    format: flag.string("How to print what is found: json, or a Go template"),
    repair: flag.bool("Fetch, unpack and remove what puts it right"),
  },
  details:
    "Every blob is read and hashed, every unpacked layer is held against its blob, every record is read and what it points at looked for. The exit code is 1 when something is wrong, with --repair when something is still wrong afterwards.",
  async run(cli, { flags }) {
    const compiled =
      flags.format === "" || flags.format === "json"
        ? null
        : (await import("../../format-template.ts")).compileFormat(flags.format);
    const client = await cli.client();
    const headers = flags.repair ? await registryConfigHeader(cli) : {};
    const isWatched = flags.format === "" && isTerminal(2);
    let summary: CheckSummary | null = null;
    const route = to(paths.systemCheck, {}, { repair: flags.repair });
    const lines = client.jsonStream<CheckLine>(route, { headers });
    let { value: line } = await ofDhow("system check", () => lines.next());
    for (; line; line = (await lines.next()).value) {
      if (isWatched) cli.err(clearLine);
      if ("Summary" in line) summary = line.Summary;
      else if ("Progress" in line) {
        if (isWatched) cli.err(progressText(line.Progress));
        await cli.stderr.flush();
      } else {
        const { Finding } = line;
        if (flags.format === "") cli.out(findingText(Finding));
        else cli.out(`${compiled ? compiled.execute(Finding) : stringifyJson(Finding)}\n`);
        await cli.flush();
      }
    }
    if (!summary) throw new ExitError(1, "the daemon ended the check early");
    if (flags.format === "") cli.out(summaryText(summary));
    return summary.Found > summary.Repaired ? 1 : 0;
  },
});
