import { paths } from "../../../api/paths.ts";
import type { SystemInfo } from "../../../api/system.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { binarySize } from "../../../lib/units.ts";
import { commit, version } from "../../../lib/version.ts";
import { defineCommand } from "../../command.ts";
import { contextName } from "../../daemon-address.ts";
import { listPlugins } from "../../plugins.ts";

export const command = defineCommand({
  summary: "Show facts about the client, the daemon and its host",
  usage: "",
  args: { min: 0, max: 0 },
  flags: { format: flag.string("How to print: json, or a Go template", { short: "f" }) },
  async run(cli, { flags }) {
    const client = await cli.client();
    let info: SystemInfo | null = null;
    let failure: unknown;
    try {
      info = await client.json<SystemInfo>(to(paths.info));
    } catch (error) {
      failure = error;
    }
    const plugins = /ClientInfo|Plugins|^json$|^$|json \./.test(flags.format) ? await listPlugins(cli) : [];
    const ClientInfo = {
      Debug: cli.globals.debug,
      Version: version,
      GitCommit: commit,
      Os: process.platform,
      Arch: process.arch === "x64" ? "amd64" : process.arch,
      Context: contextName(cli.globals, await cli.config()),
      Plugins: plugins.map(({ name, path, summary, vendor, version }) => ({
        SchemaVersion: "0.1.0",
        Vendor: vendor,
        Version: version,
        ShortDescription: summary,
        Name: name,
        Path: path,
      })),
      Warnings: null,
    };
    if (flags.format !== "") {
      const data = { ...info, ClientInfo };
      if (flags.format === "json") cli.out(`${stringifyJson(data)}\n`);
      else {
        const { compileFormat, printObject } = await import("../../format-template.ts");
        printObject(cli, compileFormat(flags.format, { rootType: "system.dockerInfo" }), data, { failure });
      }
    } else {
      cli.out(
        `Client:\n Version:    ${version}\n Context:    ${ClientInfo.Context}\n Debug Mode: ${ClientInfo.Debug}\n`,
      );
      if (plugins.length > 0) {
        cli.out(" Plugins:\n");
        for (const plugin of plugins) {
          cli.out(
            `  ${plugin.name}: ${plugin.summary} (${plugin.vendor})\n    Version:  ${plugin.version}\n    Path:     ${plugin.path}\n`,
          );
        }
      }
      cli.out(`\nServer:\n${info ? describe(info) : ""}`);
      for (const warning of info?.Warnings ?? []) cli.err(`${warning}\n`);
    }
    if (failure) throw failure;
    return 0;
  },
});

/** What the daemon tells, a line each; what it leaves out is left out. */
function describe(info: SystemInfo): string {
  const lines: string[] = [];
  const line = (name: string, value: unknown, indent = 1): void =>
    void lines.push(`${" ".repeat(indent)}${name}: ${value}`);
  line("Containers", info.Containers);
  line("Running", info.ContainersRunning, 2);
  line("Paused", info.ContainersPaused, 2);
  line("Stopped", info.ContainersStopped, 2);
  line("Images", info.Images);
  line("Server Version", info.ServerVersion);
  line("Storage Driver", info.Driver);
  for (const [name, value] of info.DriverStatus ?? []) line(name, value, 2);
  if (info.LoggingDriver) line("Logging Driver", info.LoggingDriver);
  if (info.CgroupDriver) line("Cgroup Driver", info.CgroupDriver);
  if (info.CgroupVersion) line("Cgroup Version", info.CgroupVersion);
  lines.push(" Plugins:");
  line("Volume", (info.Plugins?.Volume ?? []).join(" "), 2);
  line("Network", (info.Plugins?.Network ?? []).join(" "), 2);
  if (info.Plugins?.Authorization?.length) line("Authorization", info.Plugins.Authorization.join(" "), 2);
  line("Log", (info.Plugins?.Log ?? []).join(" "), 2);
  if (info.Swarm) line("Swarm", info.Swarm.LocalNodeState);
  line(
    "Runtimes",
    Object.keys(info.Runtimes ?? {})
      .sort()
      .join(" "),
  );
  line("Default Runtime", info.DefaultRuntime);
  if (info.InitBinary) line("Init Binary", info.InitBinary);
  if (info.ContainerdCommit?.ID) line("containerd version", info.ContainerdCommit.ID);
  if (info.RuncCommit?.ID) line("runc version", info.RuncCommit.ID);
  if (info.InitCommit?.ID) line("init version", info.InitCommit.ID);
  if (info.SecurityOptions?.length) {
    lines.push(" Security Options:");
    for (const option of info.SecurityOptions) {
      const [name = "", ...rest] = option.split(",").map((part) => part.replace(/^name=/, ""));
      lines.push(`  ${name}`);
      for (const part of rest) lines.push(`   ${part.replace(/^profile=/, "Profile: ")}`);
    }
  }
  line("Kernel Version", info.KernelVersion);
  line("Operating System", info.OperatingSystem);
  line("OSType", info.OSType);
  line("Architecture", info.Architecture);
  line("CPUs", info.NCPU);
  line("Total Memory", binarySize(info.MemTotal));
  line("Name", info.Name);
  line("ID", info.ID);
  line("Docker Root Dir", info.DockerRootDir);
  line("Debug Mode", info.Debug);
  if (info.HttpProxy) line("HTTP Proxy", info.HttpProxy);
  if (info.HttpsProxy) line("HTTPS Proxy", info.HttpsProxy);
  if (info.NoProxy) line("No Proxy", info.NoProxy);
  if (info.Labels?.length) {
    lines.push(" Labels:");
    for (const label of info.Labels) lines.push(`  ${label}`);
  }
  line("Experimental", info.ExperimentalBuild);
  if (info.RegistryConfig) {
    lines.push(" Insecure Registries:");
    for (const [name, { Secure }] of Object.entries(info.RegistryConfig.IndexConfigs ?? {}))
      if (!Secure) lines.push(`  ${name}`);
    for (const range of info.RegistryConfig.InsecureRegistryCIDRs ?? []) lines.push(`  ${range}`);
    if (info.RegistryConfig.Mirrors?.length) {
      lines.push(" Registry Mirrors:");
      for (const mirror of info.RegistryConfig.Mirrors) lines.push(`  ${mirror}`);
    }
  }
  line("Live Restore Enabled", info.LiveRestoreEnabled);
  if (info.ProductLicense) line("Product License", info.ProductLicense);
  if (info.DefaultAddressPools?.length) {
    lines.push(" Default Address Pools:");
    for (const { Base, Size } of info.DefaultAddressPools) lines.push(`   Base: ${Base}, Size: ${Size}`);
  }
  if (info.FirewallBackend) line("Firewall Backend", info.FirewallBackend.Driver);
  return `${lines.join("\n")}\n\n`;
}
