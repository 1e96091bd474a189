/**
 * npm run vm [-- TEST...]: boots Debian with systemd and cgroup v2 in qemu, runs the named end-to-end tests in it (run,
 * lifecycle and crash unless told), starts the packaged systemd unit, and sees a container back after a reboot.
 */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { boot, makeDisk } from "./machine.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const cache = process.env.DHOW_VM_CACHE ?? join(tmpdir(), "dhow-vm");
const tests = process.argv.slice(2);
const wanted = tests.length > 0 ? tests : ["run", "lifecycle", "crash"];

/** The first boot runs the tests and leaves a container with a restart policy; the second finds it. */
const script = `
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
echo "VM $(uname -r), cgroup $(stat -fc %T /sys/fs/cgroup)"
cd /opt/dhow
if [ ! -e /var/lib/vm-second-boot ]; then
  touch /var/lib/vm-second-boot
  for name in ${wanted.join(" ")}; do
    node_modules/bun/bin/bun.exe test --timeout 600000 ./test/e2e/$name.test.ts 2>&1 | sed "s/^/VM $name: /"
  done
  systemctl daemon-reload
  systemctl enable --now dhow.socket
  dhow image bootstrap busybox --tag busybox && echo "VM unit: image made through the socket unit"
  dhow run -d --name stays --restart always busybox sleep 100000 >/dev/null && echo "VM unit: container started"
  pid=$(dhow inspect -f '{{.State.Pid}}' stays)
  systemctl restart dhow.service
  [ "$(dhow inspect -f '{{.State.Pid}}' stays)" = "$pid" ] && echo "VM unit: PASS same container after systemctl restart" || echo "VM unit: FAIL restart"
  sync
  systemctl reboot
else
  for i in $(seq 60); do [ "$(dhow inspect -f '{{.State.Status}}' stays 2>/dev/null)" = running ] && break; sleep 1; done
  [ "$(dhow inspect -f '{{.State.Status}}' stays)" = running ] && echo "VM reboot: PASS container runs again" || echo "VM reboot: FAIL"
  systemctl poweroff
fi
`;

const machine = await makeDisk(cache, repository, script);
const timeout = 45 * 60_000;
const first = await boot(machine, timeout);
const second = await boot(machine, timeout);
const consoleText = first + second;
const passed = sum(/VM [\w-]+:\s+(\d+) pass/g) + (consoleText.match(/: PASS /g)?.length ?? 0);
const failed = sum(/VM [\w-]+:\s+(\d+) fail/g) + (consoleText.match(/: FAIL/g)?.length ?? 0);
rmSync(machine.disk);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 && consoleText.includes("VM reboot: PASS") ? 0 : 1);

function sum(pattern: RegExp): number {
  return [...consoleText.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}
