// npm run build: compiles dist/dhow, and with --test also dist/dhow-test, the same sources with fail points on.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bun = `${root}node_modules/bun/bin/bun.exe`;
const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).stdout.trim();

/** Compiles to a temporary name and renames, so that a running binary is replaced rather than written into. */
function compile(name, failPoints) {
  const outfile = `dist/${name}`;
  const temporary = `${outfile}.${process.pid}`;
  const args = [
    "build",
    "--compile",
    "--minify",
    "--splitting",
    "--bytecode",
    "--format=esm",
    // A command is over before its code is worth compiling; long-lived roles take the ordinary policy back (main.ts).
    "--compile-jit-policy=64",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    `--define=FAIL_POINTS=${failPoints}`,
    `--define=DHOW_VERSION=${JSON.stringify(version)}`,
    `--define=DHOW_COMMIT=${JSON.stringify(commit || "unknown")}`,
    `--outfile=${temporary}`,
    "src/main.ts",
  ];
  const { status } = spawnSync(bun, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
  renameSync(`${root}${temporary}`, `${root}${outfile}`);
  console.log(`built ${outfile}`);
}

mkdirSync(`${root}dist`, { recursive: true });
compile("dhow", false);
if (process.argv.includes("--test")) compile("dhow-test", true);
