import { maxApiVersion, paths } from "../../api/paths.ts";
import type { SystemVersion } from "../../api/system.ts";
import { to } from "../../client/route-call.ts";
import { flag } from "../../lib/flags.ts";
import { stringifyJson } from "../../lib/json.ts";
import { commit, version } from "../../lib/version.ts";
import { compareVersions } from "../../lib/version-order.ts";
import { defineCommand } from "../command.ts";
import { contextName } from "../daemon-address.ts";

/** Fields of the daemon's answer that the wire leaves out when they are empty. */
const optional = { BuildTime: "", Components: null, Experimental: false, KernelVersion: "", MinAPIVersion: "" };

/** The stock client's own names of what a template sees. */
const types = {
  "": "system.versionInfo",
  ".Client": "system.clientVersion",
  ".Client.Platform": "*system.platformInfo",
  ".Server": "*types.Version",
  ".Server.Platform": "struct { Name string }",
};

export const command = defineCommand({
  summary: "Show the versions of client and daemon",
  usage: "",
  args: { min: 0, max: 0 },
  flags: { format: flag.string("How to print: json, or a Go template", { short: "f" }) },
  async run(cli, { flags }) {
    const { format } = flags;
    const client = await cli.client();
    let server: SystemVersion | null = null;
    let failure: unknown;
    try {
      server = await client.json<SystemVersion>(to(paths.version));
    } catch (error) {
      failure = error;
    }
    const agreed = server ? await client.apiVersion() : maxApiVersion;
    const own = {
      Platform: { Name: cli.name === "docker" ? "" : "dhow" },
      Version: version,
      ApiVersion: agreed,
      DefaultAPIVersion: maxApiVersion,
      GitCommit: commit,
      GoVersion: `bun${Bun.version}`,
      Os: process.platform,
      Arch: process.arch === "x64" ? "amd64" : process.arch,
      BuildTime: "",
      Context: contextName(cli.globals, await cli.config()),
    };
    if (format === "json") cli.out(`${stringifyJson({ Client: own, Server: server })}\n`);
    else if (format !== "") {
      const { compileFormat, printObject } = await import("../format-template.ts");
      const data = { Client: withGoNames(own), Server: server && withGoNames(server) };
      const template = compileFormat(format, { missing: "error", optional });
      printObject(cli, template, data, { failure, types, name: "version" });
    } else {
      cli.out(
        block(`Client:${own.Platform.Name ? ` ${own.Platform.Name}` : ""}`, [
          ["Version", own.Version],
          [
            "API version",
            compareVersions(agreed, maxApiVersion) < 0 ? `${agreed} (downgraded from ${maxApiVersion})` : agreed,
          ],
          ["Runtime", own.GoVersion],
          ["Git commit", own.GitCommit],
          ["OS/Arch", `${own.Os}/${own.Arch}`],
          ["Context", own.Context],
        ]),
      );
      if (server) cli.out(`\n${describeServer(server)}`);
    }
    if (failure) throw failure;
    return 0;
  },
});

function block(title: string, rows: readonly (readonly [string, string])[], indent = 1): string {
  const pad = " ".repeat(indent);
  return `${title}\n${rows.map(([name, value]) => `${pad}${`${name}:`.padEnd(20 - indent)}${value}`.trimEnd()).join("\n")}\n`;
}

function describeServer(server: SystemVersion): string {
  let text = `Server:${server.Platform?.Name ? ` ${server.Platform.Name}` : ""}\n`;
  for (const { Name, Version, Details = {} } of server.Components ?? []) {
    const rows: [string, string][] = [["Version", Version]];
    if (Name === "Engine") {
      rows.push(
        ["API version", `${Details.ApiVersion} (minimum version ${Details.MinAPIVersion})`],
        ["Go version", Details.GoVersion ?? ""],
        ["Git commit", Details.GitCommit ?? ""],
        ["Built", Details.BuildTime ?? ""],
        ["OS/Arch", `${Details.Os}/${Details.Arch}`],
        ["Experimental", Details.Experimental ?? "false"],
      );
    } else for (const name of Object.keys(Details).sort()) rows.push([name, Details[name]!]);
    text += block(` ${Name}:`, rows, 2);
  }
  return text;
}

/** Templates know the API version by another name than JSON does. */
function withGoNames<T extends { ApiVersion: string }>(value: T): T & { APIVersion: string } {
  return { ...value, APIVersion: value.ApiVersion };
}
