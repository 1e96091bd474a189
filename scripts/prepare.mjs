// What a fresh machine lacks: node packages, and the Debian packages the engine and its tests lean on. Says what it does.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const bun = `${root}node_modules/bun/bin/bun.exe`;

/** Debian's name for this machine's libraries, as in /usr/lib/x86_64-linux-gnu. */
function triplet() {
  const names = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu", arm: "arm-linux-gnueabihf" };
  return names[process.arch] ?? `${process.arch}-linux-gnu`;
}

/** Debian package -> a file that shows it is there. */
const enginePackages = {
  crun: "/usr/bin/crun",
  libseccomp2: `/usr/lib/${triplet()}/libseccomp.so.2`,
  tini: "/usr/bin/tini-static",
  mmdebstrap: "/usr/bin/mmdebstrap",
  git: "/usr/bin/git",
  "busybox-static": "/bin/busybox",
  "xz-utils": "/usr/bin/xz",
  bzip2: "/usr/bin/bzip2",
  iproute2: "/sbin/ip",
  procps: "/bin/ps",
};
const testPackages = {
  runc: "/usr/sbin/runc",
  curl: "/usr/bin/curl",
  nftables: "/usr/sbin/nft",
  strace: "/usr/bin/strace",
  skopeo: "/usr/bin/skopeo",
  "docker-registry": "/usr/bin/docker-registry",
  python3: "/usr/bin/python3",
  zstd: "/usr/bin/zstd",
  bsdutils: "/usr/bin/script",
  gzip: "/usr/bin/gzip",
  openssl: "/usr/bin/openssl",
  e2fsprogs: "/sbin/mke2fs",
  xfsprogs: "/sbin/mkfs.xfs",
  "docker-compose": "/usr/bin/docker-compose",
  zsh: "/usr/bin/zsh",
  fish: "/usr/bin/fish",
  "python3-docker": "/usr/lib/python3/dist-packages/docker",
};

/** The Node clients and servers that tests run: a package of their own, so that nobody else's install is the bigger. */
const clients = `${root}test/clients/`;

function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: "inherit", cwd: root, ...options });
  if (status !== 0) {
    console.error(`dhow: ${command} ${args.join(" ")} failed`);
    process.exit(status ?? 1);
  }
}

/** The oldest stock client whose words the tests compare with ours. */
const oldestDocker = 25;

/** Ends the process, saying how to go on, where the stock `docker` client that the tests drive is absent or too old. */
function requireDockerClient() {
  const { stdout } = spawnSync("docker", ["version", "--format", "{{.Client.Version}}"], {
    encoding: "utf8",
    env: { ...process.env, DOCKER_HOST: "unix:///nonexistent" },
  });
  const version = (stdout ?? "").trim();
  if (Number.parseInt(version, 10) >= oldestDocker) return;
  const found = version === "" ? "there is none on PATH" : `the one on PATH is ${version}`;
  console.error(`dhow: the tests compare with the stock docker client, ${oldestDocker} or newer: ${found}.
Debian's docker.io is too old to compare words with. Get the client alone, without a daemon, in one of these ways:
  - the static build: https://download.docker.com/linux/static/stable/ (only the file docker/docker, into /usr/local/bin)
  - the package docker-ce-cli from https://download.docker.com/linux/debian`);
  process.exit(1);
}

/** Installs what is missing; `forTests` adds what only tests use. */
export function prepare({ forTests = false } = {}) {
  if (!existsSync(bun) || !existsSync(`${root}node_modules/valibot`)) {
    console.log("installing node packages: npm install");
    run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  if (forTests) requireDockerClient();
  const clientPackages = ["@devcontainers/cli", "@20minutes/s3rver"];
  if (forTests && !clientPackages.every((name) => existsSync(`${clients}node_modules/${name}`))) {
    console.log("installing node packages of test/clients: npm ci");
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: clients });
  }
  const wanted = { ...enginePackages, ...(forTests ? testPackages : {}) };
  const missing = Object.keys(wanted).filter((name) => !existsSync(wanted[name]));
  if (missing.length === 0) return;
  console.log(`installing Debian packages: ${missing.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { env });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Builds the binary (and the test binary) from the present sources. */
export function build({ forTests = false } = {}) {
  run(process.execPath, [`${root}scripts/build.mjs`, ...(forTests ? ["--test"] : [])]);
}
