/** What `image explore` shows, and what each key does to it. */
import type { ImageLayers, LayerFile } from "../../../api/image-files.ts";
import { layerView, type Status, type ViewNode } from "./layer-view.ts";
import { type Waste, wasteOf } from "./waste.ts";

/** One line of the tree. */
export interface Row {
  readonly node: ViewNode;
  /** What is drawn before the name. */
  readonly lead: string;
  readonly isOpen: boolean;
}

export interface ExploreState {
  readonly name: string;
  readonly image: ImageLayers;
  readonly files: readonly LayerFile[];
  readonly waste: Waste;
  panel: "layers" | "files";
  layer: number;
  /** Shows what all layers above the lowest have done, not the selected one alone. */
  aggregated: boolean;
  /** Index into {@link rows}. */
  cursor: number;
  /** Directories that the user has opened (true) or closed. */
  readonly opened: Map<string, boolean>;
  readonly hidden: Set<Status>;
  filter: string;
  typing: boolean;
  attributes: boolean;
  view: ViewNode;
  rows: readonly Row[];
}

export function newState(name: string, image: ImageLayers, files: readonly LayerFile[]): ExploreState {
  const state: ExploreState = {
    name,
    image,
    files,
    waste: wasteOf(files),
    panel: "layers",
    layer: 0,
    aggregated: false,
    cursor: 0,
    opened: new Map(),
    hidden: new Set(),
    filter: "",
    typing: false,
    attributes: true,
    view: layerView(files, 0, 0),
    rows: [],
  };
  refresh(state);
  return state;
}

/** Does what a key means; `page` is how many lines the tree has. Answers false when the user wants to leave. */
export function press(state: ExploreState, key: string, page: number): boolean {
  if (key === "ctrl-c") return false;
  if (state.panel === "files" && !state.typing && move(state, key, page)) return true;
  if (state.typing) type(state, key);
  else if (key === "q") return false;
  else if (key === "tab") state.panel = state.panel === "layers" ? "files" : "layers";
  else if (key === "ctrl-f" || key === "/") state.typing = true;
  else if (key === "escape") state.filter = "";
  else if (state.panel === "layers") pressInLayers(state, key);
  else pressInFiles(state, key);
  refresh(state);
  return true;
}

function type(state: ExploreState, key: string): void {
  if (key === "enter" || key === "tab") state.typing = false;
  else if (key === "escape" || key === "ctrl-f") {
    state.typing = false;
    state.filter = "";
  } else if (key === "backspace") state.filter = [...state.filter].slice(0, -1).join("");
  else if ([...key].length === 1) state.filter += key;
}

const steps: Readonly<Record<string, number>> = { up: -1, k: -1, down: 1, j: 1 };

function pressInLayers(state: ExploreState, key: string): void {
  const last = Math.max(0, state.image.Layers.length - 1);
  const step = steps[key] ?? 0;
  const layer = key === "home" ? 0 : key === "end" ? last : state.layer + step;
  const aggregated = key === "ctrl-a" ? true : key === "ctrl-l" ? false : state.aggregated;
  const next = Math.min(last, Math.max(0, layer));
  if (next === state.layer && aggregated === state.aggregated) return;
  state.layer = next;
  state.aggregated = aggregated;
  state.cursor = 0;
  state.view = layerView(state.files, aggregated ? Math.min(1, next) : next, next);
}

const toggles: Readonly<Record<string, Status>> = {
  "ctrl-a": "added",
  "ctrl-r": "removed",
  enter: "changed", // ctrl-m
  "ctrl-u": "unchanged",
};

/** Moves the cursor, if that is what the key does: the rows stay as they are. */
function move(state: ExploreState, key: string, page: number): boolean {
  const last = state.rows.length - 1;
  const pages: Readonly<Record<string, number>> = { pageup: -page, u: -page, pagedown: page, d: page };
  const step = steps[key] ?? pages[key];
  if (step === undefined && key !== "home" && key !== "end") return false;
  const to = step === undefined ? (key === "home" ? 0 : last) : state.cursor + step;
  state.cursor = Math.max(0, Math.min(to, last));
  return true;
}

function pressInFiles(state: ExploreState, key: string): void {
  const row = state.rows[state.cursor];
  const toggled = toggles[key];
  if (key === "ctrl-b") state.attributes = !state.attributes;
  else if (toggled) toggle(state.hidden, toggled);
  else if (key === "ctrl-space") closeOrOpenAll(state);
  else if (row?.node.isDirectory && (key === " " || (key === "left" && row.isOpen) || (key === "right" && !row.isOpen)))
    state.opened.set(row.node.path, !row.isOpen);
  else if (row && (key === "left" || key === "h")) toParent(state, row);
  else if (row?.node.isDirectory && key === "l") state.opened.set(row.node.path, true);
}

function toggle<T>(set: Set<T>, value: T): void {
  if (!set.delete(value)) set.add(value);
}

function toParent(state: ExploreState, { node, isOpen }: Row): void {
  if (node.isDirectory && isOpen) {
    state.opened.set(node.path, false);
    return;
  }
  const parent = node.path.replace(/\/?[^/]*$/, "");
  const at = state.rows.findIndex((row) => row.node.path === parent);
  if (at >= 0) state.cursor = at;
}

/** Closes all when one is open, opens all else. */
function closeOrOpenAll(state: ExploreState): void {
  const anyOpen = state.rows.some(({ isOpen }) => isOpen);
  const visit = (node: ViewNode): void => {
    for (const child of node.children) {
      if (!child.isDirectory) continue;
      state.opened.set(child.path, !anyOpen);
      visit(child);
    }
  };
  visit(state.view);
}

function refresh(state: ExploreState): void {
  const rows: Row[] = [];
  const filter = state.filter.toLowerCase();
  const matches = new Map<ViewNode, boolean>();
  const isShown = (node: ViewNode): boolean => {
    if (filter === "" && state.hidden.size === 0) return true;
    const known = matches.get(node);
    if (known !== undefined) return known;
    const itself = !state.hidden.has(node.status) && (filter === "" || node.path.toLowerCase().includes(filter));
    // A directory leads to what is shown in it.
    const shown = itself || node.children.some(isShown);
    matches.set(node, shown);
    return shown;
  };
  const visit = (node: ViewNode, indent: string): void => {
    const children = node.children.filter(isShown);
    for (const [i, child] of children.entries()) {
      const isLast = i === children.length - 1;
      // What is new or gone as a whole is told by one line; what has changed inside is led to.
      const leads = child.touched && child.status !== "added" && child.status !== "removed";
      const isOpen = child.isDirectory && (filter !== "" || (state.opened.get(child.path) ?? leads));
      rows.push({ node: child, lead: `${indent}${isLast ? "└── " : "├── "}`, isOpen });
      if (isOpen) visit(child, `${indent}${isLast ? "    " : "│   "}`);
    }
  };
  visit(state.view, "");
  state.rows = rows;
  state.cursor = Math.max(0, Math.min(state.cursor, rows.length - 1));
}
