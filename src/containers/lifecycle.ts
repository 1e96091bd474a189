import type { ContainerStatus } from "../api/containers.ts";
import { conflict, type DhowError, internal, notModified } from "../lib/errors.ts";

/** What can happen to a container. */
export type LifecycleEvent =
  | "started"
  | "startFailed"
  | "exited"
  /** The process ended and the restart policy will start it again. */
  | "exitedToRestart"
  /** Somebody stopped a container that waited for its restart. */
  | "restartCancelled"
  | "paused"
  | "resumed"
  | "removalBegan"
  | "removalFailed";

/** The one table of the state machine: where an event leads from each status; what is absent cannot happen. */
const transitions: Readonly<Record<ContainerStatus, Readonly<Partial<Record<LifecycleEvent, ContainerStatus>>>>> = {
  created: { started: "running", startFailed: "created", removalBegan: "removing" },
  running: { exited: "exited", exitedToRestart: "restarting", paused: "paused" },
  paused: { exited: "exited", exitedToRestart: "restarting", resumed: "running" },
  restarting: { started: "running", startFailed: "exited", restartCancelled: "exited" },
  exited: { started: "running", startFailed: "exited", removalBegan: "removing" },
  removing: { removalFailed: "dead", removalBegan: "removing" },
  dead: { removalBegan: "removing" },
};

/** The status after `event`; an impossible one is a bug of ours. */
export function transition(from: ContainerStatus, event: LifecycleEvent): ContainerStatus {
  const to = transitions[from][event];
  if (to === undefined) throw internal(`a container that is ${from} cannot become ${event}`);
  return to;
}

/** True while the container has, or is about to have again, a process. */
export function isActive(status: ContainerStatus): boolean {
  return status === "running" || status === "paused" || status === "restarting";
}

/** True while there is a process. */
export function hasProcess(status: ContainerStatus): boolean {
  return status === "running" || status === "paused";
}

/** What a user may ask, where the answer depends on the status. */
export type Verb = "start" | "stop" | "kill" | "pause" | "unpause" | "exec" | "top" | "attach" | "remove" | "update";

interface Subject {
  readonly id: string;
  readonly name: string;
  readonly status: ContainerStatus;
}

type Refusal = (subject: Subject) => DhowError;

const alreadyThere: Refusal = () => notModified("");
const notRunning: Refusal = ({ id }) => conflict(`container ${id} is not running`);
const restarting: Refusal = ({ id }) => conflict(`Container ${id} is restarting, wait until the container is running`);
const marked: Refusal = () => conflict("container is marked for removal and cannot be started");
const cannotKill: Refusal = ({ id, name }) =>
  conflict(`cannot kill container: ${name}: container ${id} is not running`);
const mustStop =
  (what: string): Refusal =>
  ({ name }) =>
    conflict(`cannot remove container "${name}": container is ${what}`);
const beforeRemoval = (status: string) => mustStop(`${status}: stop the container before removing or force remove`);

const idle = (refusal: Refusal) => ({ created: refusal, exited: refusal, removing: refusal, dead: refusal });

/** In dockerd's words, who is told no. What is absent is allowed. */
const refusals: Readonly<Record<Verb, Readonly<Partial<Record<ContainerStatus, Refusal>>>>> = {
  start: {
    running: alreadyThere,
    paused: () => conflict("cannot start a paused container, try unpause instead"),
    removing: marked,
    dead: marked,
  },
  stop: idle(alreadyThere),
  kill: idle(cannotKill),
  pause: {
    ...idle(notRunning),
    paused: ({ id }) => conflict(`Container ${id} is already paused`),
    restarting,
  },
  unpause: {
    ...idle(({ id }) => conflict(`Container ${id} is not paused`)),
    running: ({ id }) => conflict(`Container ${id} is not paused`),
    restarting: ({ id }) => conflict(`Container ${id} is not paused`),
  },
  exec: {
    ...idle(notRunning),
    paused: ({ name }) => conflict(`Container ${name} is paused, unpause the container before exec`),
    restarting,
  },
  top: { ...idle(notRunning), restarting },
  attach: {
    paused: ({ id }) => conflict(`container ${id} is paused, unpause the container before attach`),
    restarting: ({ id }) => conflict(`container ${id} is restarting, wait until the container is running`),
  },
  remove: {
    running: beforeRemoval("running"),
    restarting: beforeRemoval("restarting"),
    paused: mustStop("paused and must be unpaused first"),
    removing: ({ id }) => conflict(`removal of container ${id} is already in progress`),
  },
  update: {
    removing: ({ id }) => conflict(`Container ${id} is marked for removal and cannot be "update".`),
    dead: ({ id }) => conflict(`Container ${id} is marked for removal and cannot be "update".`),
  },
};

/** Throws when a container of this status cannot do what is asked. */
export function refuse(verb: Verb, subject: Subject): void {
  const refusal = refusals[verb][subject.status];
  if (refusal) throw refusal(subject);
}
