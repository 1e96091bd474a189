/** The files that bake reads: those that are named, or those that stand here. */
import { existsSync, readFileSync } from "node:fs";
import { messageOf } from "../../../lib/errors.ts";
import { ExitError } from "../../command.ts";
import { readStdin } from "../stdin.ts";
import { composeBody } from "./compose.ts";
import { type BakeSource, readBakeSource, told } from "./definition.ts";

const usual = [
  ...["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"],
  ...["docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"],
];

type Environment = Readonly<Record<string, string | undefined>>;

/** Exits where there is none, and for one that cannot be read. */
export async function readBakeFiles(names: readonly string[]): Promise<BakeSource[]> {
  const found = names.length > 0 ? names : usual.filter((name) => existsSync(name));
  if (found.length === 0)
    throw new ExitError(1, `ERROR: couldn't find a bake definition: looked for ${usual.join(", ")}`);
  const sources: BakeSource[] = [];
  for (const name of found) sources.push(sourceOf(name, await textOf(name)));
  return sources;
}

async function textOf(name: string): Promise<string> {
  if (name === "-") return Buffer.from(await readStdin().whole()).toString();
  try {
    return readFileSync(name, "utf8");
  } catch (error) {
    throw new ExitError(1, `ERROR: failed to read ${name}: ${messageOf(error)}`);
  }
}

/** By its ending; a name that tells nothing is tried as each of them. */
function sourceOf(name: string, text: string): BakeSource {
  if (/\.json$/.test(name)) return readBakeSource(name, text, true);
  if (/\.hcl$/.test(name)) return readBakeSource(name, text, false);
  if (!/\.ya?ml$/.test(name) && /^\s*\{/.test(text)) return readBakeSource(name, text, true);
  const body = told(name, "", () => {
    try {
      return composeBody(text, environmentOf());
    } catch (error) {
      if (/\.ya?ml$/.test(name)) throw error;
      return null;
    }
  });
  if (body) return { name, text: "", body };
  if (/\.ya?ml$/.test(name)) throw new ExitError(1, `${name}: services expected in a Compose file`);
  return readBakeSource(name, text, false);
}

/** Compose's own: the variables of `.env` below those of this process. */
function environmentOf(): Environment {
  const own: Record<string, string> = {};
  if (existsSync(".env")) {
    for (const line of readFileSync(".env", "utf8").split("\n")) {
      const [, name, value = ""] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
      if (name) own[name] = value.trim().replace(/^(["'])(.*)\1$/, "$2");
    }
  }
  return { ...own, ...process.env };
}
