/** Images made by the tests themselves: no registry is in reach. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { succeed } from "./command.ts";

const applets = (
  "sh ash ls cat echo true false sleep id env hostname mount umount ps kill top wget nc httpd ip ping df du head tail " +
  "grep sed awk tr wc seq touch mkdir mkfifo mknod rm mv cp ln chmod chown stat tar gzip dd test date printf yes sync stty " +
  "tty readlink find xargs nslookup whoami expr usleep dirname basename cut sort uniq vi tee timeout setsid"
).split(" ");

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** Path of a tar of a root with a static busybox, an `/etc/passwd` with root and `app` (1000), made once in `dist/`. */
export async function busyboxTar(): Promise<string> {
  const kind = Bun.hash(`${applets} ${statSync("/bin/busybox").mtimeMs}`).toString(36);
  const tar = join(dist, `busybox-${kind}.tar`);
  if (existsSync(tar)) return tar;
  const dir = mkdtempSync(join(tmpdir(), "dhow-busybox-"));
  const root = join(dir, "root");
  for (const name of ["bin", "etc", "tmp", "proc", "sys", "dev", "root", "home/app", "var/log", "usr/bin"]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of applets) symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\napp:x:1000:\nextra:x:2000:app\n");
  const made = `${tar}.${process.pid}`;
  await succeed(["tar", "-C", root, "--numeric-owner", "--owner=0", "--group=0", "-cf", made, "."]);
  renameSync(made, tar);
  rmSync(dir, { recursive: true });
  return tar;
}
