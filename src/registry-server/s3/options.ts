/** The flags of a registry in an object store, checked. */
import { readFileSync } from "node:fs";
import { type FlagValues, UsageError } from "../../lib/flags.ts";
import type { registryFlags } from "../flags.ts";
import type { S3Options } from "./multipart.ts";

type Keys = Pick<S3Options, "accessKeyId" | "secretAccessKey" | "sessionToken">;

/** Null for a registry in a directory. Throws {@link UsageError}. */
export function s3Options(
  values: FlagValues<typeof registryFlags>,
  environment: Readonly<Record<string, string | undefined>>,
): S3Options | null {
  const { "s3-bucket": bucket, "s3-endpoint": endpoint, "s3-prefix": prefix, "s3-credentials": file } = values;
  if (bucket === "") {
    if (endpoint + prefix + file !== "")
      throw new UsageError("--s3-endpoint, --s3-prefix and --s3-credentials need --s3-bucket");
    return null;
  }
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new UsageError(`invalid --s3-bucket ${JSON.stringify(bucket)}: not the name of a bucket`);
  const region = values["s3-region"] || environment.AWS_REGION || environment.AWS_DEFAULT_REGION || "us-east-1";
  const url = URL.parse(endpoint === "" ? `https://s3.${region}.amazonaws.com` : endpoint);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.username + url.password !== "")
    throw new UsageError("invalid --s3-endpoint: expected https://HOST[:PORT]");
  return {
    endpoint: url,
    region,
    bucket,
    prefix: prefix === "" ? "" : `${prefix.replace(/^\/+|\/+$/g, "")}/`,
    ...(file === "" ? keysOf(environment) : keysIn(file)),
  };
}

function keysOf(environment: Readonly<Record<string, string | undefined>>): Keys {
  const keys = keysFrom((name) => environment[name.toUpperCase()]);
  if (!keys) throw new UsageError("--s3-bucket needs --s3-credentials, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  return keys;
}

/** A file as AWS's own tools have it: `aws_access_key_id = …`, in its first section. */
function keysIn(path: string): Keys {
  const values = new Map<string, string>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (/^\s*\[/.test(line) && values.size > 0) break;
    const [, name, value] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name.toLowerCase(), value);
  }
  const keys = keysFrom((name) => values.get(name));
  if (!keys) throw new Error(`${path}: expected lines of aws_access_key_id = … and aws_secret_access_key = …`);
  return keys;
}

function keysFrom(get: (name: string) => string | undefined): Keys | null {
  const [accessKeyId, secretAccessKey] = [get("aws_access_key_id"), get("aws_secret_access_key")];
  if (!accessKeyId || !secretAccessKey) return null;
  return { accessKeyId, secretAccessKey, sessionToken: get("aws_session_token") || null };
}
