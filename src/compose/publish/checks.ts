/** What a project's publisher is told before others can read it. */
import { invalidArgument } from "../../lib/errors.ts";
import { readText } from "../loader/read-file.ts";
import type { Mount } from "../model/grants.ts";
import type { Project } from "../model/project.ts";
import { type Finding, findSecrets } from "./secrets.ts";

/** Throws for services whose image nobody else has. */
export function refuseBuildsAlone({ services }: Project): void {
  const alone = Object.values(services).filter(({ image, build }) => build && !image);
  if (alone.length === 0) return;
  const names = alone.map(({ name }) => `- ${JSON.stringify(name)}\n`).join("");
  throw invalidArgument(
    `your Compose stack cannot be published as it only contains a build section for service(s):\n${names}`,
  );
}

/** Throws for services whose variables stand in files, which are only published by word. */
export function refuseEnvFiles({ services }: Project): void {
  const with_ = Object.values(services).filter(({ env_file }) => env_file && env_file.length > 0);
  if (with_.length === 0) return;
  const lines = with_.map(({ name }) => `service ${JSON.stringify(name)} has env_file declared.\n`).join("");
  throw invalidArgument(
    `${lines}To avoid leaking sensitive data, you must either explicitly allow the sending of environment variables by using the --with-env flag,\nor remove sensitive data from your Compose configuration`,
  );
}

/** The question about mounts of this machine's folders; null when there are none. */
export function bindMountQuestion({ services }: Project): string | null {
  const mounts = Object.values(services).flatMap(({ name, volumes = [] }) =>
    volumes.filter(({ type }) => type === "bind").map((mount) => `${name}: ${mountText(mount)}\n`),
  );
  if (mounts.length === 0) return null;
  return `you are about to publish bind mounts declaration within your OCI artifact.
only the bind mount declarations will be added to the OCI artifact (not content)
please double check that you are not mounting potential user's sensitive directories or data
${mounts.join("")}Are you ok to publish these bind mount declarations?`;
}

function mountText({ source = "", target, read_only, bind }: Mount): string {
  const options = [read_only ? "ro" : "rw", bind?.selinux, bind?.propagation].filter(Boolean);
  return `${source}:${target}:${options.join(",")}`;
}

/** The question about what looks like secrets in the files and in what they refer to; null when nothing does. */
export function secretsQuestion(project: Project): string | null {
  const { services, configs, secrets } = project;
  const files = new Set([
    ...project.composeFiles,
    ...Object.values(services).flatMap(({ env_file = [] }) => env_file.map(({ path }) => path)),
    ...[...Object.values(configs), ...Object.values(secrets)].flatMap(({ file }) => (file ? [file] : [])),
  ]);
  const found = [...files].flatMap((path) => findSecrets(textOf(path)).map((finding) => line(path, finding)));
  if (found.length === 0) return null;
  return `you are about to publish sensitive data within your OCI artifact.
please double check that you are not leaking sensitive data
${found.join("")}Are you ok to publish these sensitive data?`;
}

const line = (path: string, { kind, at, value }: Finding): string => `${kind} in ${path}:${at}: ${value}\n`;

/** "" for a file that is not there, or is no text to read. */
function textOf(path: string): string {
  try {
    return readText(path);
  } catch {
    return "";
  }
}
