/** Cost must not grow with history: `run --rm` in an empty store, and with 1,000 stopped containers and 200 images. */
import type { TestDaemon } from "../test/harness/daemon.ts";
import { type Engine, timedCommand } from "./engines.ts";
import { measure } from "./measure.ts";
import type { Table } from "./table.ts";

export async function history(engines: readonly Engine[], daemon: TestDaemon): Promise<Table> {
  const dhow = engines.find((engine) => engine.name === "dhow");
  if (!dhow) throw new Error("dhow is not among the engines");
  const once = async () => timedCommand(dhow, "run", "--rm", "bench-busybox", "true");
  const empty = await measure(once);
  for (let i = 0; i < 1000; i++) {
    await daemon.api("POST", `/containers/create?name=old-${i}`, { Image: "bench-busybox", Cmd: ["true"] });
  }
  for (let i = 0; i < 200; i++) await daemon.api("POST", `/images/bench-busybox/tag?repo=old-image-${i}&tag=latest`);
  const full = await measure(once);
  return {
    title: "run --rm with history",
    unit: "ms, median",
    rows: [
      { name: "empty store", values: { dhow: empty.median } },
      { name: "1,000 stopped containers, 200 image names", values: { dhow: full.median } },
      { name: "ratio", values: { dhow: full.median / empty.median } },
    ],
  };
}
