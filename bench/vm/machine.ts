/**
 * A virtual machine with what this host may lack: systemd, cgroup v2, AppArmor, an older kernel with all its modules.
 * Debian 12 is made with mmdebstrap, its disk with mke2fs, both once per cache directory and package list; qemu runs it under
 * TCG (no KVM needed), writes go to a throw-away overlay, and the project comes in over a read-only 9p share.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { succeed } from "../../test/harness/command.ts";

const packages = [
  "systemd-sysv",
  "dbus",
  "linux-image-amd64",
  "apparmor",
  "crun",
  "runc",
  "libseccomp2",
  "tini",
  "busybox-static",
  "iproute2",
  "iptables",
  "nftables",
  "procps",
  "kmod",
  "curl",
  "xz-utils",
  "bzip2",
  "ca-certificates",
  "util-linux",
  "e2fsprogs",
  "xfsprogs",
];

/** What the host needs; missing ones are installed with apt-get. */
const hostTools = [
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["mmdebstrap", "mmdebstrap"],
  ["mke2fs", "e2fsprogs"],
] as const;

export interface Machine {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The directory that the guest sees read-only at /payload; its `boot.sh` is run at each boot. */
  readonly payload: string;
}

export interface BootOptions {
  readonly timeoutMs: number;
  /** A unix socket at which the guest's /dev/ttyS1 appears. */
  readonly secondConsole?: string | undefined;
  readonly onText: (text: string) => void;
}

/** Installs what the host lacks of {@link hostTools}, saying so. */
export async function installHostTools(): Promise<void> {
  const missing = hostTools.filter(([tool]) => Bun.which(tool) === null).map(([, name]) => name);
  if (missing.length === 0) return;
  console.log(`installing ${missing.join(", ")} with apt-get`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await succeed(["apt-get", "update"], { timeoutMs: 300_000, env });
  await succeed(["apt-get", "install", "-y", "--no-install-recommends", ...missing], { timeoutMs: 900_000, env });
}

const files: Readonly<Record<string, string>> = {
  "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 1\n",
  "etc/hostname": "dhow-vm\n",
  "etc/hosts": "127.0.0.1 localhost dhow-vm\n::1 localhost\n",
  "etc/resolv.conf": "nameserver 10.0.2.3\n",
  "etc/systemd/network/80-dhcp.network": "[Match]\nName=en*\n[Network]\nDHCP=ipv4\n",
  "etc/systemd/system/dhow-vm.service": `[Unit]
Description=the script that came with this machine
After=multi-user.target

[Service]
Type=oneshot
ExecStartPre=/bin/mkdir -p /payload
ExecStartPre=/bin/mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,ro payload /payload
ExecStart=/bin/sh /payload/boot.sh
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
TimeoutStartSec=infinity
KillMode=process
`,
};

/** A Debian disk with systemd which at boot mounts the share `payload` and runs its `boot.sh`. Made once. */
async function debianDisk(cache: string): Promise<Omit<Machine, "payload">> {
  const key = createHash("sha256")
    .update(JSON.stringify([packages, files]))
    .digest("hex")
    .slice(0, 12);
  const base = join(cache, `debian-${key}`);
  const made = { disk: join(base, "disk.img"), kernel: join(base, "vmlinuz"), initrd: join(base, "initrd.img") };
  if (existsSync(made.disk)) return made;
  console.log(`making a Debian 12 disk in ${base} (mmdebstrap and mke2fs, one to three minutes, once)`);
  const root = join(base, "root");
  await succeed(["rm", "-rf", base]);
  mkdirSync(base, { recursive: true });
  await succeed(
    ["mmdebstrap", "--variant=minbase", "--format=directory", `--include=${packages.join(",")}`, "bookworm", root],
    { timeoutMs: 900_000 },
  );
  for (const [path, content] of Object.entries(files)) await Bun.write(join(root, path), content);
  const wants = join(root, "etc/systemd/system/multi-user.target.wants");
  await succeed(["mkdir", "-p", wants]);
  await succeed(["ln", "-sf", "/etc/systemd/system/dhow-vm.service", wants]);
  await succeed(["ln", "-sf", "/lib/systemd/system/systemd-networkd.service", wants]);
  await succeed([
    "sh",
    "-c",
    'cp "$1"/boot/vmlinuz-* "$2"; cp "$1"/boot/initrd.img-* "$3"',
    "sh",
    root,
    made.kernel,
    made.initrd,
  ]);
  await succeed(["mke2fs", "-q", "-t", "ext4", "-d", root, `${made.disk}.part`, "8G"], { timeoutMs: 600_000 });
  await succeed(["rm", "-rf", root]);
  await succeed(["mv", `${made.disk}.part`, made.disk]);
  return made;
}

/** Copies what the guest needs of the repository, with `script` as its `boot.sh`. */
async function makePayload(cache: string, repository: string, script: string): Promise<string> {
  const payload = join(cache, `payload-${process.pid}`);
  await succeed(["rm", "-rf", payload]);
  mkdirSync(join(payload, "dhow/node_modules/bun/bin"), { recursive: true });
  const parts = ["dist", "test", "src", "packaging", "package.json", "tsconfig.json"].map((part) =>
    join(repository, part),
  );
  await succeed(["cp", "-a", ...parts, join(payload, "dhow")], { timeoutMs: 120_000 });
  mkdirSync(join(payload, "dhow/node_modules/@leichtgewicht"));
  for (const name of ["valibot", "dns-packet", "@leichtgewicht/ip-codec"]) {
    await succeed(["cp", "-aL", join(repository, "node_modules", name), join(payload, "dhow/node_modules", name)]);
  }
  await succeed(["cp", "-L", process.execPath, join(payload, "dhow/node_modules/bun/bin/bun.exe")]);
  const docker = Bun.which("docker");
  if (docker === null)
    throw new Error("the stock docker client is not in PATH: the tests run each case through it too");
  await succeed(["cp", "-L", docker, join(payload, "docker")]);
  await Bun.write(join(payload, "boot.sh"), script);
  return payload;
}

/** The machine, ready for {@link boot}; disposing removes the copy of the repository. */
export async function makeMachine(
  cache: string,
  repository: string,
  script: string,
): Promise<Machine & AsyncDisposable> {
  mkdirSync(cache, { recursive: true });
  const disk = await debianDisk(cache);
  const payload = await makePayload(cache, repository, script);
  return {
    ...disk,
    payload,
    async [Symbol.asyncDispose]() {
      await succeed(["rm", "-rf", payload]);
    },
  };
}

/** Runs the machine, through reboots, until it powers off or the time is over; everything it wrote to its console. */
export async function boot(machine: Machine, options: BootOptions): Promise<string> {
  const serial = options.secondConsole ? ["-serial", `unix:${options.secondConsole},server=on,wait=off`] : [];
  const child = Bun.spawn(
    [
      "qemu-system-x86_64",
      "-nodefaults",
      "-display",
      "none",
      "-machine",
      "q35",
      "-accel",
      "tcg,thread=multi,tb-size=1024",
      "-cpu",
      "max",
      "-smp",
      "2",
      "-m",
      "4096",
      "-serial",
      "stdio",
      ...serial,
      "-kernel",
      machine.kernel,
      "-initrd",
      machine.initrd,
      "-append",
      "root=/dev/vda rw console=ttyS0 quiet panic=-1 mitigations=off systemd.show_status=0 systemd.mask=serial-getty@ttyS0.service",
      "-snapshot",
      "-drive",
      `file=${machine.disk},format=raw,if=virtio,cache=unsafe`,
      "-virtfs",
      `local,path=${machine.payload},mount_tag=payload,security_model=none,readonly=on,multidevs=remap`,
      "-device",
      "virtio-rng-pci",
      "-nic",
      "user,model=virtio-net-pci",
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of child.stdout) {
    const text = decoder.decode(chunk, { stream: true });
    output += text;
    options.onText(text);
  }
  clearTimeout(timer);
  await child.exited;
  return output;
}
