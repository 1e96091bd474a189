/**
 * The one entry of the binary. It picks a role from the arguments (or from the name it was called by) and imports only
 * that role, so that no role pays for another's code.
 */

// A compiled Bun binary obeys these two; they must never reach a child of ours.
delete process.env.BUN_OPTIONS;
delete process.env.BUN_BE_BUN;

/** True after {@link becomeLean}; its settings are for this process and not for its children. */
const lean = process.env.DHOW_LEAN !== undefined;
for (const name of Object.keys(process.env))
  if (name === "DHOW_LEAN" || name.startsWith("BUN_JSC_")) delete process.env[name];

const args = process.argv.slice(2);
// Not by node:path, which costs every start a millisecond.
const calledAs = process.argv0.replace(/^.*\//, "");

async function main(): Promise<void> {
  const role = calledAs === "dockerd" ? "daemon" : args[0];
  if (lean || role === "helper") Bun.unsafe.setJITPolicy(1);
  if (!lean && (role === "daemon" || role === "supervisor" || role === "netd")) {
    (await import("./lean.ts")).becomeLean(role);
  }
  if (calledAs === "dockerd") {
    const { daemonMain } = await import("./daemon/main.ts");
    return daemonMain(args, "dockerd");
  }
  switch (args[0]) {
    case "daemon": {
      const { daemonMain } = await import("./daemon/main.ts");
      return daemonMain(args.slice(1));
    }
    case "supervisor": {
      const { supervisorMain } = await import("./supervisor/main.ts");
      return supervisorMain(args.slice(1));
    }
    case "netd": {
      const { netdMain } = await import("./networks/netd/main.ts");
      return netdMain(args.slice(1));
    }
    case "registry": {
      const { registryMain } = await import("./registry-server/main.ts");
      return registryMain(args.slice(1));
    }
    case "helper": {
      const { helperMain } = await import("./helper.ts");
      return helperMain(args.slice(1));
    }
    default: {
      const { cliMain } = await import("./cli/main.ts");
      return cliMain(args);
    }
  }
}

await main();

export {};
