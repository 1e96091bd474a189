// npm start: from a fresh clone to a container that answers on a published port.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { build, prepare, root } from "./prepare.mjs";

const dhow = `${root}dist/dhow`;
const container = "hello-dhow";
const image = "dhow-demo";

/** Runs dhow and returns its stdout; a failure ends the script with dhow's own message. */
function run(...args) {
  const { status, stdout } = spawnSync(dhow, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) {
    console.error(`dhow ${args.join(" ")} failed`);
    process.exit(status ?? 1);
  }
  return stdout.trim();
}

function say(text) {
  console.log(`\n\x1b[1m${text}\x1b[0m`);
}

if (process.getuid?.() !== 0) {
  console.error("npm start needs root: the engine makes namespaces, mounts and firewall rules");
  process.exit(1);
}
prepare();
if (!existsSync(dhow) || process.env.DHOW_REBUILD !== "0") build();

say("Starting the engine (the first command does it)");
console.log(run("version", "--format", "dhow {{.Server.Version}}, Engine API {{.Server.APIVersion}}"));

if (spawnSync(dhow, ["image", "inspect", image], { stdio: "ignore" }).status !== 0) {
  say("Making a base image from Debian's own signed packages");
  run("image", "bootstrap", "busybox", "--tag", image);
}

spawnSync(dhow, ["rm", "-f", container], { stdio: "ignore" });
say("Running a web server in a container, published on the loopback address");
const page =
  'mkdir -p /www && echo "Hello from a container called $HOSTNAME" > /www/index.html && exec httpd -f -p 80 -h /www';
run("run", "-d", "--name", container, "-p", "127.0.0.1::80", image, "sh", "-c", page);
const address = run("port", container, "80");

let answer = "";
for (let attempt = 0; attempt < 100 && answer === ""; attempt++) {
  try {
    answer = (await (await fetch(`http://${address}/`)).text()).trim();
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
if (answer === "") {
  console.error(`http://${address}/ does not answer; see: dist/dhow logs ${container}`);
  process.exit(1);
}
console.log(`http://${address}/ answers: ${answer}`);

say("What to type next");
console.log(`  dist/dhow ps                        what runs
  dist/dhow logs ${container}            what it printed
  dist/dhow exec -it ${container} sh     a shell inside it
  dist/dhow run --rm -it ${image} sh    another container
  DOCKER_HOST=unix:///run/dhow.sock docker ps     the stock client, on the same engine
  dist/dhow rm -f ${container}         the end of it
  dist/dhow daemon stop --all            the end of everything`);
