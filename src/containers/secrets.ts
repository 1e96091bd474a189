/**
 * Secrets of one container (`--secret`). Their values lie in files of root's alone beside the container, from before its record
 * is committed until it is removed; the record has all but the values. Each start puts them on a tmpfs that the container sees.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Secret } from "../api/host-config.ts";
import { invalidArgument, systemError } from "../lib/errors.ts";
import type { OciMount } from "../runtime/spec/oci.ts";
import { placeSecrets, secretsDirectory, secretTarget } from "../runtime/spec/secret-mounts.ts";
import { type Context, durabilityOf, pathsOf } from "./context.ts";
import type { ContainerRecord } from "./record.ts";

/** Swarm's limit, in bytes; a secret must be smaller. */
export const maxSecretSize = 500 * 1024;

const namePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,62}[a-zA-Z0-9])?$/;
const largestId = 0xffff_fffe;

/** A checked secret with its value. */
export interface SecretValue {
  readonly secret: Secret;
  readonly data: Buffer;
}

/** What is recorded and shown of a secret. */
export const withoutData = ({ secret }: SecretValue): Secret => secret;

/** Checks the secrets of a request, in swarm's words where it has some, and parts them from their values. */
export function takeSecrets(asked: readonly Secret[] | undefined): SecretValue[] {
  const values = (asked ?? []).map(takeSecret);
  const names = new Set<string>();
  const targets: string[] = [];
  for (const { secret } of values) {
    if (names.has(secret.Name)) throw invalidArgument(`secret ${secret.Name} is given twice`);
    names.add(secret.Name);
    const target = secretTarget(secret.Target);
    const other = targets.find((each) => within(target, each) || within(each, target));
    if (other !== undefined) throw invalidArgument(`secret ${secret.Name} has a conflicting target: '${target}'`);
    targets.push(target);
  }
  return values;
}

function takeSecret({ Data, ...asked }: Secret): SecretValue {
  const { Name, UID, GID, Mode = 0o444, Target } = asked;
  if (!namePattern.test(Name)) {
    throw invalidArgument(
      `invalid secret name ${JSON.stringify(Name)}: only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]`,
    );
  }
  if (Mode < 0 || Mode > 0o777) throw invalidArgument(`secret ${Name}: invalid mode: ${Mode.toString(8)}`);
  for (const [key, value] of Object.entries({ uid: UID, gid: GID })) {
    if (value < 0 || value > largestId) throw invalidArgument(`secret ${Name}: invalid ${key}: ${value}`);
  }
  const target = Target || Name;
  const unclear = target.endsWith("/") || target.includes("\0") || target.split("/").includes("..");
  if (unclear || secretTarget(target) === "/" || secretTarget(target) === secretsDirectory) {
    throw invalidArgument(`secret ${Name}: invalid target: '${target}'`);
  }
  const data = Buffer.from(Data ?? "", "base64");
  if (data.length === 0 || data.length >= maxSecretSize) {
    throw invalidArgument(`secret ${Name}: secret data must be larger than 0 and less than ${maxSecretSize} bytes`);
  }
  return { secret: { Name, Target: target, UID, GID, Mode }, data };
}

const within = (path: string, other: string): boolean => path === other || path.startsWith(`${other}/`);

/** Keeps the values; on failure the caller discards them. Throws where a mount of the container would be hidden. */
export function storeSecrets(ctx: Context, record: ContainerRecord, secrets: readonly SecretValue[]): void {
  const { dir, secrets: directory } = pathsOf(ctx, record.id);
  for (const { destination } of placeSecrets(
    "/",
    secrets.map(({ secret }) => secretTarget(secret.Target)),
  ).mounts) {
    const taken = record.mounts.some((mount) => mount.destination === destination);
    if (taken) throw invalidArgument(`Duplicate mount point: ${destination}`);
  }
  mkdirSync(dir, { recursive: true, mode: 0o710 });
  mkdirSync(directory, { mode: 0o700 });
  for (const { secret, data } of secrets)
    writeFileSync(join(directory, secret.Name), data, { mode: 0o600, flag: "wx" });
  if (durabilityOf(record) === "normal") return;
  for (const { secret } of secrets) sync(join(directory, secret.Name));
  for (const each of [directory, dir, dirname(dir)]) sync(each);
}

function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Deletes the values; none is fine. */
export function discardSecrets(ctx: Context, id: string): void {
  rmSync(pathsOf(ctx, id).secrets, { recursive: true, force: true });
}

/** The secrets of a start, on a tmpfs until the process is made. */
export interface MountedSecrets extends Disposable {
  readonly mounts: readonly OciMount[];
}

export function mountSecrets(ctx: Context, record: ContainerRecord): MountedSecrets {
  const secrets = record.hostConfig.Secrets ?? [];
  if (secrets.length === 0) return { mounts: [], [Symbol.dispose]() {} };
  const { secretMount } = pathsOf(ctx, record.id);
  const { paths, mounts } = placeSecrets(
    secretMount,
    secrets.map(({ Target }) => secretTarget(Target)),
  );
  const files = secrets.map((secret, at) => ({
    path: paths[at] ?? "",
    uid: secret.UID,
    gid: secret.GID,
    mode: secret.Mode ?? 0o444,
    data: readValue(ctx, record, secret),
  }));
  ctx.secretFiles.unmount(secretMount);
  try {
    ctx.secretFiles.mount(secretMount, files);
  } catch (error) {
    ctx.secretFiles.unmount(secretMount);
    throw error;
  }
  return { mounts, [Symbol.dispose]: () => ctx.secretFiles.unmount(secretMount) };
}

function readValue(ctx: Context, { id }: ContainerRecord, { Name }: Secret): Buffer {
  try {
    return readFileSync(join(pathsOf(ctx, id).secrets, Name));
  } catch (cause) {
    throw systemError(`secret ${Name} of the container is not kept any more; create the container again`, { cause });
  }
}
