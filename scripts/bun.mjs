// Runs a TypeScript file with the pinned Bun from node_modules: node scripts/bun.mjs FILE [ARG...]
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const bun = fileURLToPath(new URL("../node_modules/bun/bin/bun.exe", import.meta.url));
const result = spawnSync(bun, process.argv.slice(2), { stdio: "inherit" });
process.exit(result.status ?? 1);
