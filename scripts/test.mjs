// npm test: installs what is missing, builds, then type check, lint, unit and end-to-end tests. Ends with "N passed, N failed".
// `npm test -- PATTERN...` runs only the test files whose path holds a pattern.
import { spawn, spawnSync } from "node:child_process";
import { build, bun, prepare, root } from "./prepare.mjs";

prepare({ forTests: true });
build({ forTests: true });

const patterns = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;

/** Two files at a time: most of them wait most of the time. What they wait for takes longer then, so that time-outs are. */
const workers = ["--parallel=2"];
/** Files whose tests measure what a processor gives, and have the machine to themselves. */
const alone = "**/*.alone.test.ts";

/** A tool that passes or fails as one. */
function tool(name, command, args) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(command, args, { stdio: "inherit", cwd: root });
  if (status === 0) passed++;
  else failed++;
}

/** Runs bun test over `paths`, shows its output and adds up its closing counts. */
async function suite(name, paths, options) {
  console.log(`\n== ${name}`);
  const child = spawn(bun, ["test", ...options, ...paths], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { DHOW_TEST_SLOW: "3", ...process.env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  const count = (word) => Number([...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  passed += count("pass");
  failed += count("fail");
  skipped += count("skip");
  if (code !== 0 && count("fail") === 0) failed++;
}

if (patterns.length === 0) {
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  tool("types", process.execPath, [tsc, "--noEmit"]);
  tool("types of the registry's page", process.execPath, [tsc, "--noEmit", "-p", "src/registry-server/page/browser"]);
  tool("lint", process.execPath, [`${root}node_modules/@biomejs/biome/bin/biome`, "check", "."]);
  await suite("unit tests", ["./src"], [...workers, "--timeout", "60000"]);
  await suite("end-to-end tests", ["./test"], [...workers, "--timeout", "120000", `--path-ignore-patterns=${alone}`]);
  await suite("end-to-end tests, one at a time", [".alone.test.ts"], ["--timeout", "120000"]);
} else {
  await suite("tests", patterns, ["--timeout", "120000"]);
}

console.log(`\n${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);
