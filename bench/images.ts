/** `load`, and `pull` from a registry on loopback, of an image with one layer of 20,000 files and 500 MB. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDockerRegistry } from "../test/e2e/registry-server.ts";
import { succeed } from "../test/harness/command.ts";
import { command, type Engine } from "./engines.ts";
import type { Table } from "./table.ts";

const files = 20_000;
const bytes = 500 << 20;

export async function images(engines: readonly Engine[]): Promise<Table> {
  const dir = mkdtempSync(join(tmpdir(), "dhow-bench-image-"));
  try {
    const archive = await bigArchive(dir, engines[0]!);
    await using registry = await startDockerRegistry();
    const name = `${registry.host}/bench-big:1`;
    await succeed(["skopeo", "copy", "-q", "--dest-tls-verify=false", `docker-archive:${archive}`, `docker://${name}`]);
    const load = async (engine: Engine) =>
      void (await succeed([...engine.command, "load"], {
        env: engine.env,
        stdin: Bun.file(archive),
        timeoutMs: 600_000,
      }));
    const pull = async (engine: Engine) =>
      void (await succeed([...engine.command, "pull", "-q", ...insecure(engine), name], {
        env: engine.env,
        timeoutMs: 600_000,
      }));
    return {
      title: "Images",
      unit: "ms, median of 3",
      rows: [
        { name: "load of 500 MB, 20,000 files", values: await times(engines, load, "bench-big") },
        { name: "pull of the same, gzip, from loopback", values: await times(engines, pull, name) },
      ],
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const insecure = (engine: Engine): string[] => (engine.name === "podman" ? ["--tls-verify=false"] : []);

/** Median of three, the engines turn by turn, so that a slow minute of the machine hits all alike. */
async function times(
  engines: readonly Engine[],
  action: (engine: Engine) => Promise<void>,
  image: string,
): Promise<Record<string, number>> {
  const runs: Record<string, number[]> = {};
  for (let i = 0; i < 3; i++) {
    for (const engine of engines) {
      await succeed(["sync"]);
      const from = performance.now();
      await action(engine);
      runs[engine.name] = [...(runs[engine.name] ?? []), performance.now() - from];
      await command(engine, "rmi", "-f", image);
    }
  }
  return Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, list.sort((a, b) => a - b)[1] ?? 0]));
}

/** A docker archive made once by the first engine from a tree of random-looking files. */
async function bigArchive(dir: string, engine: Engine): Promise<string> {
  const archive = join(dir, "big.tar");
  if (existsSync(archive)) return archive;
  const tree = join(dir, "tree");
  const content = Buffer.alloc(bytes / files);
  for (let i = 0; i < files; i++) {
    const folder = join(tree, `d${i % 200}`);
    if (i < 200) mkdirSync(folder, { recursive: true });
    for (let at = 0; at + 4 <= content.length; at += 4)
      content.writeUInt32LE(Math.imul(i * 7919 + at, 2654435761) >>> 0, at);
    writeFileSync(join(folder, `f${i}`), content);
  }
  const root = join(dir, "root.tar");
  await succeed(["tar", "-C", tree, "-cf", root, "."]);
  await succeed([...engine.command, "import", root, "bench-big"], { env: engine.env, timeoutMs: 600_000 });
  await succeed([...engine.command, "save", "-o", archive, "bench-big"], { env: engine.env, timeoutMs: 600_000 });
  await command(engine, "rmi", "-f", "bench-big");
  rmSync(tree, { recursive: true });
  rmSync(root);
  return archive;
}
