/** One daemon, two clients: what the stock client prints for a command line, ours prints too, to the letter. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const directory = mkdtempSync(join(tmpdir(), "dhow-cli-"));
/** Ours under the stock client's name: it then speaks of itself as `docker`. */
const ours = join(directory, "docker");
symlinkSync(dhowBinary, ours);
mkdirSync(join(directory, "empty"));
writeFileSync(join(directory, "no-name.env"), "A=1\n#x\n\n=x\n");
writeFileSync(join(directory, "no-text.env"), Buffer.from("A=1\nB\xff=1\n", "latin1"));
writeFileSync(join(directory, "names.env"), "a=1\nb\n");

async function must(...args: string[]): Promise<string> {
  const result = await daemon().docker(...args);
  if (result.code !== 0) throw new Error(`docker ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

/** Runs a command line as a shell reads it, with no configuration of the user's. */
function shell(binary: string, line: string): Promise<CommandResult> {
  return run(["sh", "-c", `exec ${binary} ${line}`], {
    cwd: directory,
    env: {
      DOCKER_HOST: line.startsWith("-") || line.startsWith("context") ? "" : `unix://${daemon().socket}`,
      DOCKER_CONFIG: join(directory, "empty"),
      DHOW_AUTOSTART: "0",
    },
  });
}

/** Takes out what differs between any two runs: ages, and the ids of containers that the line itself makes. */
function steady({ code, stdout, stderr }: CommandResult): CommandResult {
  const mask = (text: string): string => {
    const masked = text
      .replace(/(Less than a second|About a minute|\d+ (seconds?|minutes?))( ago)?/g, "AGE")
      .replace(/\b[0-9a-f]{64}\b/g, "ID");
    // An age is as wide as its words, and the columns after it move along.
    return masked.includes("AGE") ? masked.replace(/ {2,}/g, "  ") : masked;
  };
  return { code, stdout: mask(stdout), stderr: mask(stderr) };
}

const lines = `
ps
ps -a
ps -aq
ps -aq --no-trunc
ps -a --no-trunc
ps -l
ps -n 1
ps -n x
ps --nope
ps extra
ps -a --format '{{.ID}} {{.Names}} {{.Label "a"}} {{.Ports}}'
ps -a --format 'table {{.ID}}\\t{{.Names}}\\t{{.Label "a"}}'
ps -a --format '{{.ID}}\\t{{printf "%s\\n" .Names}}'
ps -a --format json
ps -a --format '{{.Nope}}'
ps -a --format '{{.ID'
ps -a --format '{{nope .ID}}'
ps -a --format '{{upper .Names | printf "%-10s|"}}{{pad .State 2 3}}|{{truncate .ID 3}}'
ps -a --format '{{range $i, $e := split .Labels ","}}{{$i}}={{$e}};{{end}}'
ps -a --format '{{if eq .State "running"}}R{{else}}S{{end}} {{len .Names}} {{title .State}} {{join (split .Labels ",") "|"}}'
ps -f zzz=1
ps -f bad
ps -a --filter name=d1 --filter status=running
ps -a -f label=a -f exited=3
inspect d1
inspect nope
inspect d1 nope
inspect -f '{{.State.Status}}' d1 d2
inspect -f '{{.Nope}}' d1
inspect -f '{{json .Config}}' d1
inspect -f '{{json .HostConfig.PortBindings}}' d1
inspect -f '{{.HostConfig.PortBindings}}' d1
inspect -f '{{.Config.Env}} {{.Config.Labels}} {{.HostConfig.Memory}}' d1
inspect -f '{{range .Mounts}}{{.Name}}:{{.Destination}} {{end}}' d1
inspect -f '{{range $k,$v := .NetworkSettings.Ports}}{{$k}}={{(index $v 0).HostPort}} {{end}}' d1
inspect -f '{{if .State.Health}}h{{else}}none{{end}}' d1
inspect -f '{{.State.Running}}{{with .Config.Healthcheck}}x{{end}} {{.Config.Cmd}} {{.Path}} {{println .Args}}' d1
inspect -f '{{index .Config.Labels "a"}}{{index .Config.Labels "zz"}}' d1
inspect -f '{{printf "%s %d %v %q" .Name .State.Pid .RestartCount .Name}}' d1
inspect -f '{{join .Config.Cmd "\\n"}}' d1
inspect -f '{{printf "%s\\t." .Name}}' d1
inspect -f 'a\\tb\\n' d1
inspect -f '{{json .Name .Name}}' d1
inspect -f '{{.HostConfig.LogConfig.Type}} {{.Config.Labels.Nope}} {{.NetworkSettings.Ports | len | printf "%05d"}}' d1
inspect --type image d1
inspect --type zz d1
container inspect d1
image inspect busybox
image inspect nope
images
images -q
images --no-trunc
images --digests
images --format '{{.Repository}}:{{.Tag}} {{.Size}}'
images --format json
images --format '{{.ID'
network ls --format '{{printf "%s\\n" .ID}}'
images nope
history busybox
history --no-trunc busybox
history -q busybox
logs d2
logs -t d2
logs --tail 1 d2
logs nope
logs --since 1h d2
logs --since zz d2
port d1
port d1 80
port d1 81
top d1 -o pid,comm
diff d2
network ls
network ls -q
network ls --format json
network inspect bridge
network inspect nope
network inspect ''
volume inspect ''
inspect ''
start ''
logs ''
exec '' true
wait ''
export ''
network connect '' d1
history ''
volume ls
volume ls -q
volume ls --format json
volume inspect vol1
volume inspect nope
system df
system df -v
system df --format json
events --since 1h --until 0s --filter container=d2 --filter event=create
events --since 1h --until 0s --filter container=d2 --filter event=die --format json
events --since 1h --until 0s --filter container=d2 --format '{{.Action}} {{.Actor.Attributes.name}}'
events --since 1h --until 0s --filter container=d2 --format '{{.Action}}\\t{{printf "%s\\n" .Type}}'
start nope
stop nope
kill d2
rm d1
rm nope1 nope2
rename d1
rename nope x
pause d2
exec d2 true
exec d1
exec d1 sh -c 'echo hi; exit 4'
exec d1 nope
exec nope true
exec -it d1 true
run -it busybox true
run --rm busybox nope
run --rm busybox /etc
run --rm busybox sh -c 'exit 42'
run --pull never nope:zz
run --rm -e A=1 -e HOME2 --hostname hh busybox sh -c 'echo $A $(hostname)'
run --rm -v /nonexist/../x:y busybox true
run --rm -p 99999:80 busybox true
run --rm --mount type=bind,src=/nonexist,dst=/x busybox true
run --rm --mount type=zz busybox true
run --rm --cap-add NOPE busybox true
run --rm --memory zz busybox true
run --rm --network nope busybox true
run --rm --restart always busybox true
run --rm -p 80:x busybox true
run --rm --env-file /nonexist busybox true
run
run -p
run --nope
tag nope a:b
rmi nope
nope
network nope
container nope
context ls
context show
context use nope
context inspect
-H tcp://127.0.0.1:1 ps
-H zzz://x ps
-H unix:///nope version -f '{{.Server.Version}}'
-H unix:///nope info -f '{{.ServerVersion}}'
-c nope ps
search
import /nonexist
load -i /nonexist
update d1
update --memory 70m --memory-swap 140m d1
wait d2
wait 'a b'
cp d1:/nope .
cp a b
stats --no-stream --format '{{.Name}} {{.PIDs}}' d1
info -f '{{.ServerVersion}} {{.NCPU}} {{.Driver}}'
version -f '{{.Server.Version}}'
version -f '{{printf "%s\\n" .Server.Version}}\\t'
login -u x --password-stdin --password y
help nope
rm -f nope1 nope2
network rm nope1 nope2
network rm -f nope1 nope2
volume rm -f nope1
volume ls -f dangling=maybe
network ls -f dangling=maybe
run --rm --hostname 'a b' busybox hostname
run --rm --hostname -ab busybox hostname
run --rm --sysctl x busybox true
run --rm --sysctl x=1 busybox true
run --rm --sysctl vm.swappiness=1 busybox true
run --rm --sysctl kernel.msgmax=65537 busybox cat /proc/sys/kernel/msgmax
run --rm --platform linux/arm64 --pull never busybox true
run --rm --platform nope busybox true
run --rm --platform a/b/c/d busybox true
run --rm --platform 'linux/&' busybox true
run --rm --cap-add net_admin --cap-drop all busybox grep Cap /proc/self/status
run --rm --cap-add all --cap-drop NET_RAW busybox grep Cap /proc/self/status
run --rm --cap-drop nope busybox true
run --rm --dns 1.1.1.1 --dns-search a.b --dns-option ndots:3 busybox cat /etc/resolv.conf
attach d2
attach d3
attach nope
save -o /nonexist/x busybox
save -o /tmp busybox
save -o /dev/full busybox
save -o x.tar nope
save -o x.tar nope:1
export -o /nonexist/x d2
tag busybox 'A:b'
tag busybox 'a:b:c'
tag busybox ''
tag busybox sha256:abc
tag A a:b
tag busybox x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
ps -q --format '{{.Names}}'
update --memory 200m d1
update --pids-limit -1 d1
update --cpu-quota 5 d1
ps -a --format raw
ps -q --format raw
ps -a --size --format raw
ps -a --format ' json '
images --format raw
images --digests --format raw
images -q --format raw
volume ls --format raw
volume ls -q --format raw
network ls --format raw
network ls -q --format raw
system df --format raw
system df -v --format json
system df -v --format raw
system df -v --format table
system df -v --format '{{range .Images}}{{.Repository}} {{.Size}} {{.ID}};{{end}}'
system df -v --format '{{json .Volumes}}'
system df -v --format '{{.Foo}}'
system df -v --format '{{.Foo'
rmi -f nope
rmi -f nope1 nope2
rmi -f busybox:zz
version -f '{{.Foo}}'
version -f '{{.Server.Foo}}'
version -f '{{.Client.Platform.Foo}}'
version -f '{{.Server.Experimental}}'
info -f '{{.Foo}}'
events --format '{{.Foo}}' --until 1
events --format '{{.Actor.Foo}}' --until 1
events --format '{{.ID' --until 1
run --rm --env-file /dev/null busybox true
run --rm --env-file /tmp busybox true
run --rm --label-file /dev/null busybox true
run --rm --label-file /tmp busybox true
run --rm --security-opt seccomp=/dev/null busybox true
run --rm --security-opt seccomp=/tmp busybox true
run --rm --security-opt seccomp=/etc/passwd busybox true
exec --env-file /dev/null d1 true
exec --env-file /tmp d1 true
image inspect -f '{{json .Config}}' busybox
image inspect -f '{{json .}}' busybox
image inspect -f '{{.Config.Env}} {{.Config.WorkingDir}}' busybox
inspect -f '{{json .Config}}' busybox
inspect -f '{{json .Config}}' d1
inspect -f '{{.Name}}' nope
run --rm --blkio-weight-device /dev/null busybox true
run --rm --blkio-weight-device /dev/null:5 busybox true
run --rm --blkio-weight-device foo:100 busybox true
run --rm --device /dev/null:rwx busybox true
run --rm --device /dev/null:/dev/x:rwx busybox true
run --rm --device x:y:abc busybox true
run --rm --device '' busybox true
run --rm -l =a busybox true
run --rm -l 'a b=c' busybox true
volume create --label =a
network create --label =a x
create --device x:y:abc busybox true
create --pull foo busybox true
attach --detach-keys foo d1
exec --detach-keys foo d1 true
exec -d --detach-keys foo d1 true
start -a --detach-keys foo d3
start --detach-keys foo d1
run --rm --detach-keys foo busybox true
run --rm -it --detach-keys foo busybox true
run --rm --cidfile /tmp busybox true
run --rm --cidfile /etc/passwd busybox true
run --rm --cidfile /nonexist/x busybox true
create --cidfile /tmp busybox true
create --cidfile /nonexist/x busybox true
images --tree -q
images --tree --format json
images --tree --no-trunc
images --tree --digests
-c nope -H unix:///nope ps
-c nope -H unix:///nope context ls
-H unix:///a -H unix:///b ps
context inspect nope
context inspect nope default
context inspect -f '{{.Name}}' nope
login --password-stdin </dev/null
login -u '' </dev/null
login -u x -p '' </dev/null
cp d1: x
cp x d1:
cp d1:/etc/passwd ''
cp
container cp a
rename d3 ''
rename '' x
rename d3 ' '
port d1 foo
port d1 80/udp
port d1 99999
ps -h | head -n 1
ps -ah | head -n 1
container -h | head -n 1
run --rm --device-cgroup-rule foo busybox true
run --rm --device-read-bps foo busybox true
run --rm --device-read-bps foo:1 busybox true
run --rm --device-write-bps /dev/null:x busybox true
run --rm --device-read-iops /dev/null:1k busybox true
run --rm --ulimit foo busybox true
run --rm --ulimit foo=1 busybox true
run --rm --ulimit nofile=x busybox true
run --rm --ulimit nofile=2:1 busybox true
run --rm --ulimit nofile=1:2:3 busybox true
run --rm --ulimit nofile=-1:5 busybox true
run --rm --ulimit nofile=64:128 busybox sh -c 'ulimit -n; ulimit -Hn'
run --rm --dns foo busybox true
run --rm --dns 1.2.3 busybox true
run --rm --dns fe80::1%eth0 busybox true
run --rm --dns 2001:DB8:0:0::1 busybox cat /etc/resolv.conf
run --rm --dns-search 'a b' busybox true
run --rm --dns-search a.b. busybox grep search /etc/resolv.conf
run --rm --add-host foo busybox true
run --rm --add-host foo:bar busybox true
run --rm --add-host foo: busybox true
run --rm --add-host 'foo:[::1' busybox true
run --rm --add-host 'foo:[::1]' busybox grep foo /etc/hosts
run --rm -e =x busybox true
exec -e =x d1 true
run --rm -a foo busybox true
run --rm --network name=bridge,foo=1 busybox true
run --rm --network bridge,foo=1 busybox true
run --rm --network alias=x busybox true
run --rm --network name=bridge,alias=x busybox true
run --rm --network name=bridge,mac-address=x busybox true
run --rm --network name=bridge,driver-opt=x busybox true
run --rm --network name=bridge,gw-priority=x busybox true
run --rm --network= busybox true
run --rm --network host --network foo busybox true
run --rm --network name=foo,ip=1.2.3.4 --ip 1.2.3.4 busybox true
run --rm --link a:b:c busybox true
network connect --link a:b:c bridge d1
network connect --driver-opt foo bridge d1
run --rm --gpus foo busybox true
run --rm --gpus foo=1 busybox true
run --rm --gpus all,all busybox true
run --rm --gpus '' busybox true
run --rm --uts foo busybox true
run --rm --cgroupns foo busybox true
run --rm --userns foo busybox true
run --rm --pid foo busybox true
run --rm --mac-address foo busybox true
run --rm --mac-address 92:d0:c6:0a:29 busybox true
run --rm -p 80:80:80:80 busybox true
run --rm -p '[::1:80:80' busybox true
run --rm -p published=x,target=80 busybox true
run --rm -p target=80,protocol=foo busybox true
run --rm -v '' busybox true
run --rm -v /a:/b:/c:/d busybox true
run --rm -v :/a busybox true
run --rm -v a:/b busybox ls -d a:/b
create -v '' busybox true
run --rm -m 5x busybox true
run --rm -m 5kk busybox true
run --rm -m 1.2.3 busybox true
run --rm -m .5g busybox cat /sys/fs/cgroup/memory.max
update -m 5x d1
update --blkio-weight 99999 d1
run --rm --security-opt foo busybox true
run --rm --expose 99999 busybox true
run --rm --expose 90-80 busybox true
run --rm --expose 80-x busybox true
run --rm --restart :3 busybox true
run --rm --restart on-failure:-1 busybox true
run --rm --restart no:1 busybox true
run --rm BUSYBOX true
run --rm '' true
run --rm a:b:c true
create BUSYBOX true
pull UPPER
pull -q UPPER
pull ''
pull a@sha256:12
pull -a a@sha256:12
push UPPER
push ''
commit d1 UPPER
commit nope a:b:c
import /dev/null UPPER
import /tmp UPPER
tag busybox a@sha256:12
run --rm sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa true
run --rm --mount type=bind,src=/tmp,dst=/x,bind-propagation=foo busybox true
run --rm --mount '' busybox true
run --rm --mount type=tmpfs,dst=/x,tmpfs-size=x busybox true
run --rm --mount type=bind,src=/tmp,dst=/x,image-subpath=a busybox true
run --rm --mount type=bind,src=/tmp,dst=/x,bind-recursive=readonly busybox true
run --rm --mount type=bind,src=/tmp,dst=/x,bind-recursive=writable busybox true
run --rm --mount type=bind,src=/tmp,dst=/x,ro,bind-recursive=readonly busybox true
run --rm -v /tmp:/x -v /tmp:/x busybox echo both
run --rm -e B=1 -e A=1 -e B=2 -e A busybox sh -c 'tr "\\\\0" "\\\\n" </proc/self/environ | grep "^[AB]="'
run --rm --env-file no-name.env busybox true
run --rm --env-file no-text.env busybox true
run --rm -a stdout -i busybox cat </dev/null
run --rm -a stderr -i busybox sh -c 'cat >&2' <names.env
start d1 nope
start nope d1 nope2
run --rm --ip foo busybox true
run --rm --hostname foo.example.com --domainname bar busybox sh -c 'tail -n 1 /etc/hosts | cut -f 2'
run --rm busybox ''
exec d1 ''
`
  .split("\n")
  .filter((line) => line !== "");

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("with a running, an ended and a created container", () => {
  beforeAll(async () => {
    const web = ["--name", "d1", "-l", "a=1", "-l", "b=two", "-p", "127.0.0.1::80", "-v", "vol1:/data", "-m", "64m"];
    await must("run", "-d", ...web, "-e", "X=y", "--hostname", "hh", "busybox", "sleep", "600");
    await must("run", "-d", "--name", "d2", "busybox", "sh", "-c", "echo one; echo two; echo err >&2; exit 3");
    await must("create", "--name", "d3", "busybox", "true");
    await until("the end of d2", async () => (await must("inspect", "-f", "{{.State.Status}}", "d2")) === "exited\n");
  }, 60_000);

  afterAll(async () => {
    // What could not be attached to is left behind by either client, --rm or not.
    const left = (await must("ps", "-aq")).split("\n").filter((id) => id !== "");
    await must("rm", "-f", ...left);
    await must("volume", "rm", "vol1");
  });

  test.each([
    "plugin ls",
    "trust",
    "trust inspect",
    "checkpoint ls",
    "swarm init",
    "service ls",
    "stack ls",
    "node ls",
    "secret ls",
    "config ls",
    "buildx create",
    "compose bridge",
  ])("docker %s is refused by name", async (line) => {
    const { code, stdout, stderr } = await shell(ours, line);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "",
      stderr: `docker: docker ${line} is not supported yet\n`,
    });
  });

  test.each(["run", "create", "pull", "push"])("docker %s refuses to promise content trust", async (verb) => {
    const { code, stderr } = await shell(ours, `${verb} --disable-content-trust=false busybox`);
    expect(code).not.toBe(0);
    expect(stderr).toContain("content trust is not supported yet: --disable-content-trust=false");
  });

  test.each(lines)("docker %s", async (line) => {
    const stock = steady(await shell("docker", line));
    expect(steady(await shell(ours, line))).toEqual(stock);
  });
});
