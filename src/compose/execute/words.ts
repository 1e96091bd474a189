/** What an operation is called while it goes on, in the words of Docker's Compose. */
import type { Action, Operation } from "../plan/operation.ts";

export interface ProgressWords {
  readonly thing: string;
  /** Empty where the end or the beginning of another operation says it. */
  readonly begins: string;
  readonly ends: string;
}

export function progressOf({ action, id }: Operation): ProgressWords {
  switch (action.kind) {
    case "createNetwork":
      return { thing: `Network ${after(id)}`, begins: "Creating", ends: "Created" };
    case "removeNetwork":
      return { thing: `Network ${action.network}`, begins: "Removing", ends: "Removed" };
    case "createVolume":
      return { thing: `Volume ${after(id)}`, begins: "Creating", ends: "Created" };
    case "removeVolume":
      return { thing: `Volume ${action.volume}`, begins: "Removing", ends: "Removed" };
    case "removeImage":
      return { thing: `Image ${action.image}`, begins: "Removing", ends: "Removed" };
    default:
      return { thing: `Container ${nameIn(action, id)}`, ...containerWords(action, id) };
  }
}

const after = (id: string): string => id.slice(id.indexOf(" ") + 1);

function nameIn(action: Action, id: string): string {
  if (action.kind === "awaitService") return (action.names[0] ?? action.service).replace(/^[0-9a-f]{12}_/, "");
  return after(id).split(" ")[0] ?? "";
}

function containerWords(action: Action, id: string): { begins: string; ends: string } {
  if ("silent" in action && action.silent) return { begins: "", ends: "" };
  switch (action.kind) {
    case "createContainer":
      return action.replaces ? { begins: "Recreate", ends: "" } : { begins: "Creating", ends: "Created" };
    case "renameContainer":
      return { begins: "", ends: "Recreated" };
    case "startContainer":
      return { begins: "Starting", ends: "Started" };
    case "stopContainer":
      return { begins: "Stopping", ends: "Stopped" };
    case "restartContainer":
      return { begins: "Restarting", ends: "Started" };
    case "killContainer":
      return { begins: "Killing", ends: "Killed" };
    case "pauseContainer":
      return { begins: "Pausing", ends: "Paused" };
    case "unpauseContainer":
      return { begins: "Unpausing", ends: "Unpaused" };
    case "removeContainer":
      return { begins: "Removing", ends: "Removed" };
    case "awaitService":
      return { begins: "Waiting", ends: action.condition === "service_completed_successfully" ? "Exited" : "Healthy" };
    case "keep":
      return { begins: "", ends: "Running" };
    case "disconnect":
    case "delay":
      return { begins: "", ends: "" };
    default:
      return { begins: id, ends: "" };
  }
}
