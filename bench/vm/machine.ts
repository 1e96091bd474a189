/**
 * A virtual machine with what this host may lack: systemd, cgroup v2, the kernel's full set of modules. Debian is made with
 * mmdebstrap, the disk with mke2fs, and qemu runs it under TCG (no KVM needed).
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { succeed } from "../../test/harness/command.ts";

const packages = [
  "systemd-sysv",
  "linux-image-amd64",
  "crun",
  "runc",
  "libseccomp2",
  "tini",
  "busybox-static",
  "iproute2",
  "nftables",
  "procps",
  "kmod",
  "curl",
  "xz-utils",
  "bzip2",
  "ca-certificates",
];

export interface Machine {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Makes the Debian root once per `cache` directory; files of the project are added by {@link makeDisk}. */
async function debianRoot(cache: string): Promise<string> {
  const tar = join(cache, "debian.tar");
  if (existsSync(tar)) return tar;
  console.log("making a Debian root with systemd (mmdebstrap, some minutes)");
  await succeed(["mmdebstrap", "--variant=minbase", `--include=${packages.join(",")}`, "bookworm", `${tar}.part`], {
    timeoutMs: 900_000,
  });
  await succeed(["mv", `${tar}.part`, tar]);
  return tar;
}

/** A bootable disk whose `/opt/dhow` holds the repository's `dist`, `test` and Bun, and which runs `script` once at boot. */
export async function makeDisk(cache: string, repository: string, script: string): Promise<Machine> {
  mkdirSync(cache, { recursive: true });
  const tar = await debianRoot(cache);
  const root = join(cache, "root");
  await succeed(["rm", "-rf", root]);
  mkdirSync(root, { recursive: true });
  await succeed(["tar", "-C", root, "-xf", tar], { timeoutMs: 300_000 });
  const target = join(root, "opt/dhow");
  mkdirSync(join(target, "node_modules/bun/bin"), { recursive: true });
  for (const part of ["dist", "test", "packaging", "package.json", "tsconfig.json"]) {
    await succeed(["cp", "-a", join(repository, part), target]);
  }
  await succeed(["cp", join(repository, "node_modules/bun/bin/bun.exe"), join(target, "node_modules/bun/bin/bun.exe")]);
  await succeed(["cp", (await succeed(["sh", "-c", "command -v docker"])).trim(), join(root, "usr/bin/docker")]);
  await succeed(["cp", join(repository, "dist/dhow"), join(root, "usr/bin/dhow")]);
  await succeed(["sh", "-c", `cp ${join(repository, "packaging")}/dhow.* ${root}/etc/systemd/system/`]);
  await Bun.write(join(root, "opt/dhow/vm-script.sh"), script);
  await Bun.write(join(root, "etc/systemd/system/dhow-vm.service"), bootUnit);
  await Bun.write(join(root, "etc/fstab"), "/dev/vda / ext4 defaults 0 1\n");
  await Bun.write(join(root, "etc/hostname"), "dhow-vm\n");
  await succeed([
    "ln",
    "-sf",
    "/etc/systemd/system/dhow-vm.service",
    join(root, "etc/systemd/system/multi-user.target.wants/dhow-vm.service"),
  ]);
  const kernel = join(cache, "vmlinuz");
  const initrd = join(cache, "initrd.img");
  await succeed(["sh", "-c", `cp ${root}/boot/vmlinuz-* ${kernel}; cp ${root}/boot/initrd.img-* ${initrd}`]);
  const disk = join(cache, "disk.img");
  await succeed(["rm", "-f", disk]);
  await succeed(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, "6G"], { timeoutMs: 600_000 });
  await succeed(["rm", "-rf", root]);
  return { disk, kernel, initrd };
}

const bootUnit = `[Unit]
Description=dhow tests in this machine
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/sh /opt/dhow/vm-script.sh
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
`;

/** Boots the machine and passes its console on, until it powers off or `timeoutMs` is over; the console's text. */
export async function boot(machine: Machine, timeoutMs: number): Promise<string> {
  const child = Bun.spawn(
    [
      "qemu-system-x86_64",
      "-nodefaults",
      "-no-reboot",
      "-machine",
      "q35,accel=tcg",
      "-cpu",
      "max",
      "-smp",
      "2",
      "-m",
      "3072",
      "-nographic",
      "-serial",
      "stdio",
      "-kernel",
      machine.kernel,
      "-initrd",
      machine.initrd,
      "-append",
      "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 systemd.unified_cgroup_hierarchy=1",
      "-drive",
      `file=${machine.disk},format=raw,if=virtio,cache=unsafe`,
      "-nic",
      "user,model=virtio-net-pci",
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  let output = "";
  for await (const chunk of child.stdout) {
    const text = Buffer.from(chunk).toString("utf8");
    output += text;
    process.stdout.write(text);
  }
  clearTimeout(timer);
  await child.exited;
  return output;
}
