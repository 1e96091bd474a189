/** The Dev Containers CLI, as editors run it: it does all it does with the command it is told is Docker, ours and the stock one. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../harness/command.ts";
import { type Client, clients, dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const cli = fileURLToPath(new URL("../clients/node_modules/@devcontainers/cli/devcontainer.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "dhow-devcontainer-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Up {
  readonly outcome: string;
  readonly containerId: string;
  readonly remoteUser: string;
  readonly remoteWorkspaceFolder: string;
}

/** A folder that an editor would open: a file, the configuration, and what else is named beside it. */
function workspace(name: string, configuration: object, beside: Readonly<Record<string, string>> = {}): string {
  const folder = join(home, name);
  mkdirSync(join(folder, ".devcontainer"), { recursive: true });
  writeFileSync(join(folder, "file"), "from the host\n");
  // No user is made over: that needs a build.
  const text = JSON.stringify({ updateRemoteUserUID: false, ...configuration });
  for (const [path, content] of Object.entries({ "devcontainer.json": text, ...beside })) {
    writeFileSync(join(folder, ".devcontainer", path), content);
  }
  return folder;
}

/** Runs one of its commands on a workspace; stdout, of a run that must succeed. */
async function devcontainer(client: Client, folder: string, command: string, ...args: string[]): Promise<string> {
  const docker = client === "dhow" ? dhowBinary : "docker";
  const paths = ["--workspace-folder", folder, "--docker-path", docker, "--docker-compose-path", "docker-compose"];
  const env = { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0", HOME: home };
  const { code, stdout, stderr } = await run(["node", cli, command, ...paths, ...args], { env });
  if (code !== 0) throw new Error(`devcontainer ${command} -> ${code}\n${stdout}\n${stderr}\n${daemon().lastLogged()}`);
  return stdout;
}

const up = async (client: Client, folder: string): Promise<Up> => JSON.parse(await devcontainer(client, folder, "up"));

test.each([...clients])("up, exec and up again of an image, with %s", async (client) => {
  const folder = workspace(`image-${client}`, {
    image: "busybox",
    containerEnv: { INSIDE: "set" },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration's own language
    remoteEnv: { DERIVED: "${containerEnv:INSIDE} too" },
    mounts: [`type=volume,source=dev-${client},target=/kept`],
    runArgs: ["--hostname", "devbox"],
    postCreateCommand: "echo created >> /kept/hooks",
    postStartCommand: { one: "echo started >> /kept/hooks" },
  });
  const first = await up(client, folder);
  expect(first).toMatchObject({ outcome: "success", remoteUser: "root" });
  expect(first.remoteWorkspaceFolder).toBe(`/workspaces/image-${client}`);
  const script = "cat file /kept/hooks; echo $INSIDE, $DERIVED, $(hostname); echo back > made";
  expect(await devcontainer(client, folder, "exec", "sh", "-c", script)).toBe(
    "from the host\ncreated\nstarted\nset, set too, devbox\n",
  );
  expect(await Bun.file(join(folder, "made")).text()).toBe("back\n");
  await daemon().must("stop", "-t", "0", first.containerId);
  const again = await up(client, folder);
  expect(again.containerId).toBe(first.containerId);
  expect(await devcontainer(client, folder, "exec", "cat", "/kept/hooks")).toBe("created\nstarted\nstarted\n");
  await daemon().must("rm", "-f", first.containerId);
  await daemon().must("volume", "rm", `dev-${client}`);
});

test("up and exec of a service of Compose", async () => {
  const compose = `version: "3"
services:
  app: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["..:/work"]}
  db: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL}
`;
  const configuration = { dockerComposeFile: "compose.yml", service: "app", workspaceFolder: "/work" };
  const folder = workspace("composed", configuration, { "compose.yml": compose });
  const { outcome, containerId, remoteWorkspaceFolder } = await up("dhow", folder);
  expect([outcome, remoteWorkspaceFolder]).toEqual(["success", "/work"]);
  const script = "cat file; ping -c1 -W5 db >/dev/null && echo found";
  expect(await devcontainer("dhow", folder, "exec", "sh", "-c", script)).toBe("from the host\nfound\n");
  const label = '{{index .Config.Labels "com.docker.compose.project"}}';
  const project = (await daemon().must("inspect", "-f", label, containerId)).trim();
  const down = await run(
    ["docker-compose", "-p", project, "-f", join(folder, ".devcontainer/compose.yml"), "down", "-t", "0"],
    {
      env: { DOCKER_HOST: `unix://${daemon().socket}` },
    },
  );
  expect(down.code === 0 ? "" : down.stderr).toBe("");
});
