/**
 * npm run vm [-- TEST...]: boots Debian 12 (kernel 6.1, systemd, cgroup v2, AppArmor) in qemu, runs the named end-to-end tests
 * in it (run, lifecycle and crash unless told; a word with a slash is a path, such as src/snapshots), installs the packaged unit and socket, restarts the engine under a running
 * container, sees a container back after a reboot, and what was acknowledged after power cuts. `npm run vm -- --no-tests` leaves the tests out, `--shell` gives a root
 * shell in the machine instead. What it makes is kept in DHOW_VM_CACHE (else $TMPDIR/dhow-vm) for the next time.
 */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { succeed } from "../../test/harness/command.ts";
import { guestScript, shellScript } from "./guest.ts";
import { boot, installHostTools, makeMachine } from "./machine.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const cache = process.env.DHOW_VM_CACHE ?? join(tmpdir(), "dhow-vm");
const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith("--"));
const tests = words.includes("--no-tests") ? [] : named.length > 0 ? named : ["run", "lifecycle", "crash"];
const shell = words.includes("--shell");

await succeed(["node", join(repository, "scripts/build.mjs"), "--test"]);
await installHostTools();
await using machine = await makeMachine(cache, repository, shell ? shellScript : guestScript(tests));
const socket = join(cache, `shell-${process.pid}.sock`);
if (shell) console.log(`the shell: socat -,raw,echo=0 unix:${socket}   (poweroff there ends the machine)`);
const text = await boot(machine, {
  timeoutMs: shell ? 24 * 3600_000 : 90 * 60_000,
  secondConsole: shell ? socket : undefined,
  onText: (piece) => process.stdout.write(piece),
});
rmSync(socket, { force: true });
if (!shell) {
  const passed = sum(/^VM [\w/.-]+:\s+(\d+) pass/gm) + count(/^VM unit: PASS /gm);
  const failed = sum(/^VM [\w/.-]+:\s+(\d+) fail/gm) + count(/^VM unit: FAIL /gm);
  const ended = text.includes("VM end");
  if (!ended) console.log("the machine did not come to its end");
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = ended && failed === 0 && passed > 0 ? 0 : 1;
}

function sum(pattern: RegExp): number {
  return [...text.replaceAll("\r", "").matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}

function count(pattern: RegExp): number {
  return [...text.replaceAll("\r", "").matchAll(pattern)].length;
}
