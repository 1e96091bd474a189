/** The flags that `create` and `run` share: everything that makes up a container. */
import { type FlagValues, flag } from "../../lib/flags.ts";
import { byteRate, checkCgroupRule, gpuRequest, operationRate, ulimit, weightDevice } from "./devices.ts";
import { parseNetwork } from "./endpoints.ts";
import { parseMount } from "./mounts.ts";
import {
  checkAddress,
  checkDomain,
  checkExtraHost,
  checkLabel,
  checkLink,
  checkStream,
  checkVariable,
} from "./name-checks.ts";
import { parseSecret } from "./secrets.ts";
import { checkSysctl } from "./sysctl.ts";

/** Refuses at once what `parse` will refuse when the request is made of it. */
function parsedBy(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}

export const resourceFlags = {
  "blkio-weight": flag.int("Relative share of block I/O, 10 to 1000; 0 for none", {
    unsigned: true,
    kind: "uint16",
    most: 65535,
  }),
  "cpu-period": flag.int("Length of a CFS period in microseconds"),
  "cpu-quota": flag.int("CPU time per CFS period in microseconds"),
  "cpu-rt-period": flag.int("Length of a real-time period in microseconds"),
  "cpu-rt-runtime": flag.int("Real-time CPU time per period in microseconds"),
  "cpu-shares": flag.int("Relative weight of CPU time", { short: "c" }),
  cpus: flag.cpus("Number of CPUs, such as 1.5"),
  "cpuset-cpus": flag.string("CPUs to run on (0-3, 0,1)"),
  "cpuset-mems": flag.string("Memory nodes to use (0-3, 0,1)"),
  "kernel-memory": flag.bytes("Kernel memory limit (obsolete)", { hidden: true }),
  memory: flag.bytes("Memory limit", { short: "m" }),
  "memory-reservation": flag.bytes("Soft memory limit"),
  "memory-swap": flag.swapBytes("Memory and swap together; -1 for unlimited swap"),
  "pids-limit": flag.int("Most processes allowed; -1 for no limit"),
};

export const createFlags = {
  ...resourceFlags,
  "add-host": flag.list("Add a name to the container's hosts file (name:address)", { check: checkExtraHost }),
  annotation: flag.map("Annotation handed to the OCI runtime"),
  attach: flag.list("Connect to STDIN, STDOUT or STDERR", {
    short: "a",
    complete: ["stdin", "stdout", "stderr"],
    check: checkStream,
  }),
  "blkio-weight-device": flag.list("Relative share of one device (path:weight)", { check: parsedBy(weightDevice) }),
  "cap-add": flag.list("Grant a capability"),
  "cap-drop": flag.list("Take a capability away"),
  "cgroup-parent": flag.string("Cgroup under which the container's is made"),
  cgroupns: flag.string("Cgroup namespace: host or private", { complete: ["host", "private"] }),
  cidfile: flag.string("File that receives the container's ID", { complete: "files" }),
  device: flag.list("Give access to a device of the host (path[:path][:rwm])"),
  "device-cgroup-rule": flag.list("Rule for the list of allowed devices", { check: checkCgroupRule }),
  "device-read-bps": flag.list("Most bytes per second read from a device (path:rate)", { check: parsedBy(byteRate) }),
  "device-read-iops": flag.list("Most reads per second from a device (path:rate)", { check: parsedBy(operationRate) }),
  "device-write-bps": flag.list("Most bytes per second written to a device (path:rate)", { check: parsedBy(byteRate) }),
  "device-write-iops": flag.list("Most writes per second to a device (path:rate)", { check: parsedBy(operationRate) }),
  "disable-content-trust": flag.bool("Accepted for compatibility", { initial: true, hidden: true }),
  dns: flag.list("DNS server", { check: checkAddress }),
  "dns-opt": flag.list("DNS option", { hidden: true }),
  "dns-option": flag.list("DNS option"),
  "dns-search": flag.list("DNS search domain", { check: checkDomain }),
  domainname: flag.string("NIS domain name"),
  entrypoint: flag.string("Program to run instead of the image's entrypoint"),
  env: flag.list("Environment variable; without a value it is taken from here", {
    short: "e",
    check: checkVariable,
  }),
  "env-file": flag.list("File of environment variables", { complete: "files" }),
  expose: flag.list("Port, or range of ports, to expose"),
  gpus: flag.list("GPUs to give ('all' for all)", { kind: "gpu-request", check: parsedBy(gpuRequest) }),
  "group-add": flag.list("Further group of the process"),
  "health-cmd": flag.string("Command that checks health"),
  "health-interval": flag.duration("Time between checks"),
  "health-on-failure": flag.string("What to do once unhealthy: none, restart, stop or kill"),
  "health-retries": flag.int("Failures in a row until unhealthy"),
  "health-start-interval": flag.duration("Time between checks during the start period"),
  "health-start-period": flag.duration("Time after the start in which failures do not count"),
  "health-timeout": flag.duration("Longest time one check may take"),
  hostname: flag.string("The container's host name", { short: "h" }),
  init: flag.bool("Run an init that forwards signals and reaps processes"),
  interactive: flag.bool("Keep standard input open", { short: "i" }),
  ip: flag.string("IPv4 address"),
  ip6: flag.string("IPv6 address"),
  ipc: flag.string("IPC namespace: none, private, shareable, host or container:NAME"),
  isolation: flag.string("Isolation technology (Windows)", { hidden: true }),
  label: flag.list("Label (key=value)", { short: "l", check: checkLabel }),
  "label-file": flag.list("File of labels", { complete: "files" }),
  link: flag.list("Link to another container (name:alias)", { complete: "containers", check: checkLink }),
  "link-local-ip": flag.list("Link-local address"),
  "log-driver": flag.string("Where logs go", {
    complete: ["fluentd", "gelf", "journald", "json-file", "local", "none", "syslog"],
  }),
  "log-opt": flag.list("Option of the log driver"),
  "mac-address": flag.string("MAC address"),
  "memory-swappiness": flag.int("How readily memory is swapped, 0 to 100", { initial: -1 }),
  mount: flag.list("Attach a mount (type=bind,source=...,target=...)", {
    kind: "mount",
    check: parsedBy(parseMount),
  }),
  name: flag.string("Name of the container"),
  net: flag.list("Network to join", { kind: "network", hidden: true, check: parsedBy(parseNetwork) }),
  "net-alias": flag.list("Name in the network", { hidden: true }),
  network: flag.list("Network to join", { kind: "network", complete: "networks", check: parsedBy(parseNetwork) }),
  "network-alias": flag.list("Further name of the container in its network"),
  "no-healthcheck": flag.bool("Switch off the image's health check"),
  "oom-kill-disable": flag.bool("Do not kill processes when memory runs out"),
  "oom-score-adj": flag.int("How likely the kernel kills it when memory runs out, -1000 to 1000"),
  pid: flag.string("PID namespace: host or container:NAME"),
  platform: flag.string("Platform of the image, such as linux/amd64"),
  privileged: flag.bool("Give the container all of the host's powers"),
  publish: flag.list("Publish a port ([address:][host port:]port[/protocol])", { short: "p" }),
  "publish-all": flag.bool("Publish every exposed port on a free port of the host", { short: "P" }),
  pull: flag.string("Pull the image first: always, missing or never", {
    initial: "missing",
    complete: ["always", "missing", "never"],
  }),
  quiet: flag.bool("Show no progress of a pull", { short: "q" }),
  "read-only": flag.bool("Mount the root file system read-only"),
  restart: flag.string("When to start it again: no, on-failure[:N], always or unless-stopped", {
    initial: "no",
    complete: ["no", "on-failure", "always", "unless-stopped"],
  }),
  rm: flag.bool("Remove the container, and its anonymous volumes, once it has ended"),
  runtime: flag.string("OCI runtime to use"),
  secret: flag.list(
    "Secret file in /run/secrets (id=NAME,src=FILE|env=VAR[,target=PATH][,mode=0444][,uid=0][,gid=0])",
    {
      kind: "secret",
      check: parsedBy(parseSecret),
    },
  ),
  "security-opt": flag.list("Security option"),
  "shm-size": flag.bytes("Size of /dev/shm"),
  "stop-signal": flag.string("Signal that stops the container"),
  "stop-timeout": flag.int("Seconds until a stop becomes a kill"),
  "storage-opt": flag.list("Option of the storage driver"),
  sysctl: flag.map("Kernel setting inside the container", { check: checkSysctl }),
  tmpfs: flag.list("Mount a tmpfs (path[:options])"),
  tty: flag.bool("Give the process a terminal", { short: "t" }),
  ulimit: flag.list("Resource limit (name=soft[:hard])", { kind: "ulimit", check: parsedBy(ulimit) }),
  "use-api-socket": flag.bool("Mount the engine's socket into the container", { hidden: true }),
  user: flag.string("User to run as (name or uid[:group or gid])", { short: "u" }),
  userns: flag.string("User namespace: host"),
  uts: flag.string("UTS namespace: host"),
  volume: flag.list("Attach a volume or a path of the host (source:target[:options])", { short: "v" }),
  "volume-driver": flag.string("Driver of the volumes made here"),
  "volumes-from": flag.list("Attach the mounts of another container", { complete: "containers" }),
  workdir: flag.string("Working directory inside the container", { short: "w" }),
};

export type CreateFlags = FlagValues<typeof createFlags>;
