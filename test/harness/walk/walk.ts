/**
 * A random walk of concurrent API calls over a few shared names. A call that no other one overlapped on its names must
 * answer exactly as the model says; one that was overlapped must answer as some order of them could. Each walker's calls
 * follow from the seed alone.
 */
import type { TestDaemon } from "../daemon.ts";
import { changing, drawVerb, type Known, stateOf, verbs } from "./model.ts";

const names = ["walk-a", "walk-b", "walk-c", "walk-d", "walk-e"] as const;

interface Place {
  state: Known;
  /** Calls in flight that may change it. */
  changes: number;
  /** How many such calls ever began. */
  begun: number;
}

export interface WalkOptions {
  readonly seed: number;
  readonly calls: number;
  readonly walkers: number;
}

export interface WalkResult {
  readonly calls: number;
  /** How many answers were held against one exact expectation. */
  readonly exact: number;
  readonly contradictions: readonly string[];
}

/** mulberry32: small, and the same on every machine. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of DHOW_WALK_SEED, or a new one. */
export function walkSeed(): number {
  return Number(process.env.DHOW_WALK_SEED ?? Math.floor(Math.random() * 2 ** 31));
}

export async function walk(daemon: TestDaemon, { seed, calls, walkers }: WalkOptions): Promise<WalkResult> {
  const places = new Map<string, Place>(names.map((name) => [name, { state: "absent", changes: 0, begun: 0 }]));
  const place = (name: string) => places.get(name) as Place;
  const contradictions: string[] = [];
  const history: string[] = [];
  const underWay = new Set<Set<Place>>();
  let made = 0;
  let exact = 0;

  const call = async (walker: number, verb: string, name: string, target: string): Promise<void> => {
    const { method, path, body, answer: model, beside } = verbs[verb] as (typeof verbs)[string];
    const held = [...new Set(verb === "rename" ? [name, target] : [name])].map(place);
    const own = changing.has(verb) ? 1 : 0;
    const alone = held.every(({ changes }) => changes === 0);
    for (const one of held) {
      one.changes += own;
      one.begun += own;
    }
    const begun = held.map((one) => one.begun);
    const touched = new Set(held);
    if (own) underWay.add(touched);
    const before = held.map(({ state }) => state);
    const url = `${path(name)}${verb === "rename" ? target : ""}`;
    const from = performance.now();
    const said = await ask(daemon, method, url, body, verb === "wait");
    underWay.delete(touched);
    if (verb === "rename" && said.status === 204) follow(underWay, held);
    for (const one of touched) one.changes -= own;
    const solo = alone && held.every((one, index) => one.begun === begun[index]);
    const line = `walker ${walker}: ${verb} ${name}${verb === "rename" ? ` to ${target}` : ""} [${before}]${solo ? "" : " beside others"} -> ${said.status} ${tellingOf(said.body)} (${Math.round(performance.now() - from)} ms)`;
    history.push(line);
    const contradicts = (expected: string) => {
      const earlier = history.filter((one) => one.includes(name)).slice(-16, -1);
      contradictions.push(`${line}; expected ${expected}\n  after:\n  ${earlier.join("\n  ")}`);
    };
    if (said.status === 0) return;
    const [here, there] = held as [Place, Place | undefined];
    if (!solo) {
      if (own) for (const one of touched) one.state = null;
      if (!beside.includes(said.status)) contradicts(`one of ${beside}`);
      return;
    }
    if (verb === "inspect") {
      const told = stateOf(said.status, said.body);
      if (here.state === null) here.state = told;
      else if (told !== here.state) contradicts(here.state);
      else exact++;
      return;
    }
    if (here.state === null || there?.state === null) {
      if (own) for (const one of touched) one.state = null;
      if (!beside.includes(said.status)) contradicts(`one of ${beside}`);
      return;
    }
    exact++;
    if (verb === "rename") {
      const expected = renamed(here, there);
      if (said.status !== expected) contradicts(String(expected));
      if (said.status === 204 && there) {
        there.state = here.state;
        here.state = "absent";
      }
      return;
    }
    const expected = model(here.state);
    if (said.status !== expected.status) contradicts(String(expected.status));
    if (own) here.state = said.status === expected.status ? expected.next : null;
  };

  const walker = async (index: number): Promise<void> => {
    const random = generator(seed + index * 7919);
    const share = Math.ceil(calls / walkers);
    for (let step = 0; step < share; step++) {
      const verb = drawVerb(random);
      const name = names[Math.floor(random() * names.length)] as string;
      const target = names[Math.floor(random() * names.length)] as string;
      made++;
      await call(index, verb, name, target);
    }
  };
  await Promise.all(Array.from({ length: walkers }, (_, index) => walker(index)));
  for (const name of names) await call(walkers, "remove by force", name, name);
  const left = await daemon.api<unknown[]>("GET", "/containers/json?all=1");
  if (left.body.length > 0) contradictions.push(`containers left: ${JSON.stringify(left.body)}`);
  return { calls: made, exact, contradictions };
}

/** What is being done to a container goes on under its new name. */
function follow(underWay: ReadonlySet<Set<Place>>, [here, there]: readonly Place[]): void {
  if (!here || !there) return;
  for (const touched of underWay) {
    if (!touched.has(here) || touched.has(there)) continue;
    touched.add(there);
    there.changes++;
    there.begun++;
  }
}

function renamed(here: Place, there: Place | undefined): number {
  if (here.state === "absent") return 404;
  if (there === undefined) return 400;
  return there.state === "absent" ? 204 : 409;
}

/** One request. A wait is given up after a moment (status 0): nobody may ever end that container. */
async function ask(
  daemon: TestDaemon,
  method: string,
  path: string,
  body: unknown,
  givesUp: boolean,
): Promise<{ status: number; body: unknown }> {
  const aborted = AbortSignal.timeout(givesUp ? 300 : 60_000);
  try {
    const answer = await fetch(`http://d${path}`, {
      method,
      unix: daemon.socket,
      signal: aborted,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    const json = answer.headers.get("content-type")?.startsWith("application/json");
    const parsed: unknown = json && text !== "" ? JSON.parse(text) : text;
    if (path.startsWith("/commit") && answer.status === 201) {
      await daemon.api("DELETE", `/images/${(parsed as { Id: string }).Id}`);
    }
    if (path.endsWith("/exec") && answer.status === 201) return { status: 201, body: await runExec(daemon, parsed) };
    return { status: answer.status, body: parsed };
  } catch (error) {
    if (givesUp && aborted.aborted) return { status: 0, body: "" };
    return { status: -1, body: String(error) };
  }
}

/** Starts an exec that was made: it runs, or its container ended meanwhile. */
async function runExec(daemon: TestDaemon, made: unknown): Promise<string> {
  const { status } = await daemon.api("POST", `/exec/${(made as { Id: string }).Id}/start`, {});
  if (![200, 404, 409].includes(status)) throw new Error(`exec start answered ${status}`);
  return "";
}

/** Of an answer's body, the error or the status with what it came from. */
function tellingOf(body: unknown): string {
  const { message, State: state } = (body ?? {}) as { message?: string; State?: Record<string, unknown> };
  if (state) return `${state.Status}, exit code ${state.ExitCode}, ${state.StartedAt} to ${state.FinishedAt}`;
  return message ?? "";
}
