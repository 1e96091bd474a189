/** The container state machine as a client of Docker knows it: what each call answers in each state, and what it leaves. */

export type State = "absent" | "created" | "running" | "paused" | "exited";
/** null: changed by calls that ran side by side, until somebody looks. */
export type Known = State | null;

export interface Answer {
  readonly status: number;
  readonly next: Known;
}

const absent: Answer = { status: 404, next: "absent" };

interface Verb {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: (name: string) => string;
  readonly body?: unknown;
  /** What a call answers while no other one changes the container. */
  readonly answer: (state: State) => Answer;
  /** What else it may answer when others do. */
  readonly beside: readonly number[];
  readonly weight: number;
}

const has = (state: State) => state === "running" || state === "paused";
const reads = (path: string, weight: number): Verb => ({
  method: "GET",
  path: (name) => `/containers/${name}${path}`,
  answer: (state) => (state === "absent" ? absent : { status: 200, next: state }),
  beside: [200, 404],
  weight,
});
const posts = (
  path: string,
  weight: number,
  beside: readonly number[],
  answer: (state: Exclude<State, "absent">) => Answer,
  body?: unknown,
): Verb => ({
  method: "POST",
  path: (name) => `/containers/${name}${path}`,
  answer: (state) => (state === "absent" ? absent : answer(state)),
  beside,
  weight,
  body,
});
const removes = (force: boolean, weight: number): Verb => ({
  method: "DELETE",
  path: (name) => `/containers/${name}?force=${force}`,
  answer: (state) => {
    if (state === "absent") return absent;
    return has(state) && !force ? { status: 409, next: state } : { status: 204, next: "absent" };
  },
  beside: [204, 404, 409],
  weight,
});

/** A process that ends at once when told to, and never by itself. */
const command = ["sh", "-c", "trap 'exit 7' TERM; echo up; sleep 100000 & wait"];

export const verbs: Readonly<Record<string, Verb>> = {
  create: {
    method: "POST",
    path: (name) => `/containers/create?name=${name}`,
    body: { Image: "busybox", Cmd: command },
    answer: (state) => (state === "absent" ? { status: 201, next: "created" } : { status: 409, next: state }),
    beside: [201, 409],
    weight: 14,
  },
  start: posts("/start", 14, [204, 304, 404, 409], (state) => {
    if (state === "paused") return { status: 409, next: state };
    return { status: state === "running" ? 304 : 204, next: "running" };
  }),
  stop: posts("/stop?t=1", 5, [204, 304, 404, 409], (state) =>
    has(state) ? { status: 204, next: "exited" } : { status: 304, next: state },
  ),
  kill: posts("/kill", 4, [204, 404, 409], (state) =>
    has(state) ? { status: 204, next: "exited" } : { status: 409, next: state },
  ),
  signal: posts("/kill?signal=USR2", 1, [204, 404, 409], (state) =>
    has(state) ? { status: 204, next: null } : { status: 409, next: state },
  ),
  pause: posts("/pause", 6, [204, 404, 409], (state) =>
    state === "running" ? { status: 204, next: "paused" } : { status: 409, next: state },
  ),
  unpause: posts("/unpause", 6, [204, 404, 409], (state) =>
    state === "paused" ? { status: 204, next: "running" } : { status: 409, next: state },
  ),
  restart: posts("/restart?t=1", 4, [204, 404, 409], () => ({ status: 204, next: "running" })),
  remove: removes(false, 4),
  "remove by force": removes(true, 3),
  exec: posts("/exec", 6, [201, 404, 409], (state) => ({ status: state === "running" ? 201 : 409, next: state }), {
    Cmd: ["true"],
    AttachStdout: true,
  }),
  wait: posts("/wait", 3, [200, 404], (state) => ({ status: 200, next: state })),
  update: posts("/update", 3, [200, 404, 409], (state) => ({ status: 200, next: state }), {
    RestartPolicy: { Name: "unless-stopped" },
  }),
  attach: posts("/attach?logs=1&stdout=1", 3, [200, 404, 409], (state) =>
    state === "paused" ? { status: 409, next: state } : { status: 200, next: state },
  ),
  commit: {
    method: "POST",
    path: (name) => `/commit?container=${name}`,
    answer: (state) => (state === "absent" ? absent : { status: 201, next: state }),
    beside: [201, 404, 409],
    weight: 1,
  },
  rename: posts("/rename?name=", 3, [204, 400, 404, 409], (state) => ({ status: 204, next: state })),
  logs: reads("/logs?stdout=1", 5),
  inspect: reads("/json", 22),
};

/** What no verb but these changes; the rest only look. */
export const changing: ReadonlySet<string> = new Set(
  "create,start,stop,kill,signal,pause,unpause,restart,remove,remove by force,update,commit,rename".split(","),
);

const drawn = Object.entries(verbs).flatMap(([verb, { weight }]) => Array<string>(weight).fill(verb));

export function drawVerb(random: () => number): string {
  return drawn[Math.floor(random() * drawn.length)] as string;
}

/** The state that an inspect answer tells; statuses that only pass by are not known. */
export function stateOf(status: number, body: unknown): Known {
  if (status === 404) return "absent";
  const told = (body as { State?: { Status?: string } }).State?.Status;
  return told === "created" || told === "running" || told === "paused" || told === "exited" ? told : null;
}
