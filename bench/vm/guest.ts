/** What the machine does at its boots, as shell scripts. */

const common = `
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
`;

const install = `
mkdir -p /opt
cp -a /payload/dhow /opt/
cp /payload/docker /usr/bin/docker
`;

/** Waits up to a minute: `within 'the command'`. */
const helpers = `
within() {
  for _ in $(seq 120); do if sh -c "$1" >/dev/null 2>&1; then return 0; fi; sleep 0.5; done
  return 1
}
check() {
  name=$1; shift
  if "$@"; then echo "VM unit: PASS $name"; else echo "VM unit: FAIL $name"; { journalctl -q --no-pager -u dhow.service -n 20; tail -n 5 /run/dhow/*.log; } | sed "s/^/VM log: /"; fi
}
is() { [ "$1" = "$2" ] || { echo "VM unit: got '$1', expected '$2'"; false; }; }
pid_of() { dhow inspect -f '{{.State.Pid}}' "$1"; }
`;

/** Against the engine that the packaged units run; each check prints one line. */
const unitChecks = `
cd /opt/dhow
check "install.sh puts the units in place" ./packaging/install.sh --docker-socket
check "Type=notify: active means that it answers" is "$(systemctl is-active dhow.service) $(curl -s --unix-socket /run/dhow.sock http://d/_ping)" "active OK"
check "the socket of the unit leads to the engine, no TCP port is open" is "$(ss -Hltnp | grep -c dhow)" 0
check "the docker.sock link answers the stock client" sh -c 'docker -H unix:///var/run/docker.sock version >/dev/null'
check "image bootstrap busybox" sh -c 'dhow image bootstrap busybox --tag busybox >/dev/null'
dhow run -d --name stays --restart always busybox sleep 100000 >/dev/null
dhow run -d --name limited -m 64m --cpus 0.5 --pids-limit 50 busybox sleep 100000 >/dev/null
dhow run -d --name web -p 127.0.0.1:8099:80 busybox sh -c 'mkdir /w; echo up >/w/index.html; exec httpd -f -p 80 -h /w' >/dev/null
dhow run -d --name polite --stop-timeout 20 -v /root:/host busybox sh -c 'trap "echo asked >/host/polite; exit 0" TERM; while :; do sleep 0.2; done' >/dev/null
pid=$(pid_of stays)
group=/sys/fs/cgroup$(cut -d: -f3 /proc/$(pid_of limited)/cgroup)
limits() { echo $(cat $group/memory.max $group/memory.swap.max $group/cpu.max $group/pids.max); }
check "limits stand in the unified cgroup" is "$(limits)" "67108864 67108864 50000 100000 50"
check "the container sees its own cgroup as the root" is "$(dhow exec limited cat /proc/self/cgroup)" "0::/"
check "stats come from cgroup v2" sh -c 'dhow stats --no-stream --format "{{.MemUsage}} {{.PIDs}}" limited | grep -q "/ 64MiB 1"'
systemctl daemon-reload
check "limits stand after systemctl daemon-reload" is "$(limits)" "67108864 67108864 50000 100000 50"
check "update writes them" sh -c 'dhow update -m 128m --memory-swap 256m --cpus 1 limited >/dev/null'
check "update is in the cgroup" is "$(limits)" "134217728 134217728 100000 100000 50"
check "pause freezes" sh -c "dhow pause limited >/dev/null && grep -q 'frozen 1' $group/cgroup.events && dhow unpause limited >/dev/null"
check "device access is denied by the cgroup's BPF program" sh -c '! dhow run --rm --cap-add MKNOD busybox sh -c "mknod /tmp/vda b 254 0 && dd if=/tmp/vda of=/dev/null count=1" 2>/dev/null'

systemctl restart dhow.service
check "systemctl restart: the same container, by pid" is "$(pid_of stays)" "$pid"
check "systemctl restart: a published port answers" is "$(curl -s http://127.0.0.1:8099/)" "up"
systemctl stop dhow.service
check "systemctl stop: the container runs on" test -d /proc/$pid
check "systemctl stop: the published port answers" is "$(curl -s http://127.0.0.1:8099/)" "up"
check "socket activation: a command starts the engine" is "$(dhow ps -q --filter name=stays | wc -l) $(systemctl is-active dhow.service)" "1 active"
kill -9 "$(systemctl show -p MainPID --value dhow.service)"
sleep 2
check "after kill -9 systemd starts it again" within '[ "$(systemctl is-active dhow.service)" = active ] && [ "$(dhow inspect -f "{{.State.Pid}}" stays)" = '$pid' ]'
check "a reload changes nothing" sh -c 'systemctl reload dhow.service && [ "$(systemctl is-active dhow.service)" = active ]'
nft flush ruleset
check "an nft flush ruleset leaves published ports alone" is "$(curl -s -m 20 http://127.0.0.1:8099/)" "up"
sync
echo "VM reboots"
systemctl reboot
`;

const afterReboot = `
check "after the reboot the unit is active" within '[ "$(systemctl is-active dhow.service)" = active ]'
check "the reboot stopped containers with their grace time" is "$(cat /root/polite)" asked
check "the --restart always container runs again" within '[ "$(dhow inspect -f "{{.State.Status}}" stays)" = running ]'
check "the others do not" is "$(dhow inspect -f '{{.State.Status}}' web)" exited
`;

/**
 * Power cuts: the kernel starts anew at the moment of an answer, by sysrq's "b", which writes nothing back: what was only in the
 * page cache is gone. The file beside shows that it is.
 */
const cut = `
power_cut() {
  "$@" >/root/answer && echo lost >/root/unsynced && echo b >/proc/sysrq-trigger
  echo "VM unit: FAIL $* did not answer"
}
came_back() {
  check "after a power cut the unit is active" within '[ "$(systemctl is-active dhow.service)" = active ]'
  check "what nobody synced is lost" is "$(cat /root/unsynced 2>/dev/null)" ""
}
whole() { is "$(dhow run --rm "$1" sh -c 'cat /many/* | md5sum')" "$(cat /root/whole)"; }
`;

const beforeCuts = `
dhow rm -f $(dhow ps -aq) >/dev/null
dhow run --name maker busybox sh -c 'mkdir /many; for n in $(seq 300); do seq $n 500 >/many/$n; done; cat /many/* | md5sum' >/root/whole
cat >/etc/systemd/system/registry.service <<'END'
[Service]
ExecStart=/usr/bin/dhow registry serve --root /var/lib/registry
[Install]
WantedBy=multi-user.target
END
systemctl enable --now registry.service
dhow export maker -o /root/many.tar
dhow import -c 'CMD sh' /root/many.tar 127.0.0.1:5000/many:pulled >/dev/null
check "an image is pushed to a registry of our own" within 'dhow push -q 127.0.0.1:5000/many:pulled'
dhow rmi 127.0.0.1:5000/many:pulled >/dev/null
`;

/** What is done in the boot before its cut, and looked at in the one after it. */
const cuts = [
  {
    act: "power_cut dhow create --name kept -v named:/d -l a=b busybox echo ok",
    look: `
check "a created container is there" is "$(dhow inspect -f '{{.State.Status}} {{.Config.Labels.a}}' kept)" "created b"
check "and starts" is "$(dhow start -a kept)" ok
`,
  },
  {
    act: "power_cut dhow commit maker many:committed",
    look: 'check "a committed image is whole" whole many:committed',
  },
  {
    act: "within 'curl -sf http://127.0.0.1:5000/v2/'; power_cut dhow pull -q 127.0.0.1:5000/many:pulled",
    look: 'check "a pulled image is whole" whole 127.0.0.1:5000/many:pulled',
  },
];

const atTheEnd = `
check "install.sh --uninstall takes everything back" sh -c '/opt/dhow/packaging/install.sh --uninstall && [ ! -e /usr/bin/dhow ] && [ ! -e /etc/systemd/system/dhow.service ]'
echo "VM end"
systemctl poweroff
`;

/** What follows the first boot, one script for each of the next: looks at what the one before has done, and acts. */
const laterBoots: readonly string[] = [afterReboot + beforeCuts, ...cuts.map(({ look }) => `came_back\n${look}`)].map(
  (script, boot) => script + (cuts[boot] ? `\nsync\n${cuts[boot].act}` : `\n${atTheEnd}`),
);

/** Runs end-to-end tests by name at the first boot, then what concerns systemd, over a reboot, and power cuts, to the poweroff. */
export function guestScript(tests: readonly string[]): string {
  const later = laterBoots.map((script, boot) => `${boot + 2})\n${script}\n;;`);
  return `${common}${helpers}${cut}
boot=$(($(cat /var/lib/dhow-boots 2>/dev/null || echo 0) + 1))
echo $boot >/var/lib/dhow-boots
sync
case $boot in
${later.join("\n")}
1)
echo "VM $(uname -r), cgroup $(stat -fc %T /sys/fs/cgroup), AppArmor $(cat /sys/module/apparmor/parameters/enabled)"
${install}
cd /opt/dhow
for name in ${tests.join(" ")}; do
  case $name in */*) path=./$name ;; *) path=./test/e2e/$name.test.ts ;; esac
  DHOW_TEST_SLOW=6 NO_COLOR=1 node_modules/bun/bin/bun.exe test --timeout 600000 $path 2>&1 | sed "s|^|VM $name: |"
done
${unitChecks}
;;
esac
`;
}

/** A root shell on /dev/ttyS1 with the project in /opt/dhow. */
export const shellScript = `${common}${install}
cp /payload/dhow/dist/dhow /usr/bin/dhow
systemd-run --collect --unit=shell sh -c 'cd /opt/dhow; stty sane </dev/ttyS1; exec bash -i </dev/ttyS1 >/dev/ttyS1 2>&1'
`;
