/** Many idle containers at once: what must not grow with their number, checked. */
import { until } from "../../test/harness/command.ts";
import type { TestDaemon } from "../../test/harness/daemon.ts";
import { expectLedger, settledLedger } from "../../test/harness/ledger.ts";
import { measure } from "../measure.ts";

/** Starts that a median is taken of. */
const sampled = 31;

/** Runs `count` containers and holds the engine to its promises; what was broken, in words. */
export async function thousand(
  daemon: TestDaemon,
  count: number,
  sample: (label: string) => Promise<void>,
): Promise<string[]> {
  const broken: string[] = [];
  const hold = (label: string, figure: number, limit: number, unit = "ms") => {
    const line = `${label}: ${figure.toFixed(1)} ${unit} (at most ${limit.toFixed(1)})`;
    console.log(line);
    if (figure > limit) broken.push(line);
  };
  const names = Array.from({ length: count }, (_, index) => `many-${index}`);
  const before = await settledLedger(daemon);
  await sample("start");

  const starts = new Map<string, number>();
  const from = performance.now();
  // One after the other around the 10th and at the end, the end after a rest, so that what is compared is one start and not its queue.
  await startAll(daemon, names.slice(0, 40), 1, starts);
  await startAll(daemon, names.slice(40, -sampled), 2, starts);
  await Bun.sleep(1000);
  await startAll(daemon, names.slice(Math.max(40, count - sampled)), 1, starts);
  console.log(`${count} containers started in ${((performance.now() - from) / 1000).toFixed(1)} s`);
  const early = median(names.slice(5, 5 + sampled).map((name) => starts.get(name) ?? 0));
  const late = median(names.slice(-sampled).map((name) => starts.get(name) ?? 0));
  hold(
    `start of the last ${sampled}, median (of the 5th to the ${4 + sampled}th ${early.toFixed(1)} ms)`,
    late,
    1.5 * early,
  );
  await sample(`${count} containers`);

  const timed = async (action: () => Promise<unknown>) =>
    (await measure(async () => void (await action()), 5, 1)).median;
  hold("ps", await timed(() => daemon.dhow("ps")), 300);
  console.log(`GET /containers/json: ${(await timed(() => daemon.api("GET", "/containers/json"))).toFixed(1)} ms`);
  hold("inspect", await timed(() => daemon.dhow("inspect", "many-0")), 300);
  console.log(`run --rm: ${(await timed(() => daemon.dhow("run", "--rm", "busybox", "true"))).toFixed(1)} ms`);
  hold("containers without an answer to exec", (await silent(daemon, names)).length, 0, "");

  const killed = performance.now();
  await daemon.kill9();
  await daemon.start();
  hold("kill -9 to the first answer", performance.now() - killed, 10_000);
  const refused: string[] = [];
  await each(names, 2, async (name) => {
    if ((await daemon.api("GET", `/containers/${name}/json`)).status !== 200) refused.push(name);
  });
  hold("failed requests once it listens", refused.length, 0, "");
  await until("all containers to be taken back", async () => {
    const ids = (await daemon.dhow("ps", "-q")).stdout.trim().split("\n");
    return ids.length >= count;
  });
  hold("containers without an answer to exec after the restart", (await silent(daemon, names)).length, 0, "");

  const removing = performance.now();
  const { code, stderr } = await daemon.dhow("rm", "-f", ...names);
  console.log(`rm -f of all: ${((performance.now() - removing) / 1000).toFixed(1)} s`);
  if (code !== 0) broken.push(`rm -f answered ${code}: ${stderr.slice(0, 500)}`);
  await expectLedger(daemon, before).catch((error) => broken.push(String(error)));
  return broken;
}

async function startAll(
  daemon: TestDaemon,
  names: readonly string[],
  workers: number,
  took: Map<string, number>,
): Promise<void> {
  await each(names, workers, async (name) => {
    const made = await daemon.api<{ Id: string }>("POST", `/containers/create?name=${name}`, {
      Image: "busybox",
      Cmd: ["sleep", "100000"],
    });
    const from = performance.now();
    const { status, body } = await daemon.api("POST", `/containers/${made.body.Id}/start`);
    took.set(name, performance.now() - from);
    if (status !== 204) throw new Error(`start of ${name} answered ${status}: ${JSON.stringify(body)}`);
  });
}

/** The containers in which a command does not run. */
async function silent(daemon: TestDaemon, names: readonly string[]): Promise<string[]> {
  const mute: string[] = [];
  await each(names, 2, async (name) => {
    const { stdout } = await daemon.dhow("exec", name, "echo", "inside");
    if (stdout !== "inside\n") mute.push(name);
  });
  return mute;
}

async function each(items: readonly string[], workers: number, action: (item: string) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0;
}
