/**
 * Certificates for one registry, in a directory named after it, as Docker has them (`/etc/docker/certs.d/HOST[:PORT]`): `*.crt` are
 * authorities to trust besides the system's, `NAME.cert` with `NAME.key` a certificate to show.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { systemError } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** Where the directories are looked for; the first that has one counts. */
export const certificateDirectories: readonly string[] = ["/etc/dhow/certs.d", "/etc/docker/certs.d"];

/** What a TLS connection is made with; nothing stands for the system's own. */
export interface HostTls {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** Throws `system` naming the file that lacks its other half. */
export function hostTls(host: string, directories: readonly string[] = certificateDirectories): HostTls {
  for (const base of directories) {
    const directory = join(base, host);
    const names = filesIn(directory);
    if (names.length > 0) return tlsOf(directory, names);
  }
  return {};
}

function tlsOf(directory: string, names: readonly string[]): HostTls {
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  const authorities = names.filter((name) => name.endsWith(".crt")).map(read);
  const [cert] = names.filter((name) => name.endsWith(".cert"));
  for (const name of names) {
    const [other, what] = name.endsWith(".cert")
      ? [name.replace(/\.cert$/, ".key"), "missing key"]
      : name.endsWith(".key")
        ? [name.replace(/\.key$/, ".cert"), "missing client certificate"]
        : [null, ""];
    if (other === null || names.includes(other)) continue;
    const forWhat = name.endsWith(".cert")
      ? `client certificate ${name}. CA certificates must use the extension .crt`
      : `key ${name}`;
    throw systemError(`${what} ${other} for ${forWhat}`);
  }
  return {
    ...(authorities.length > 0 ? { ca: [...rootCertificates, ...authorities] } : {}),
    ...(cert === undefined ? {} : { cert: read(cert), key: read(cert.replace(/\.cert$/, ".key")) }),
  };
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}
