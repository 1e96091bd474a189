/** What holds where a file says nothing. */
import { PathTable, rewrite } from "../paths-table.ts";
import { textValue } from "../schema/scalars.ts";
import { type Mapping, type Node, scalar } from "../yaml/node.ts";

type Default = (node: Mapping) => void;

function missing(node: Mapping, key: string, value: string): void {
  if (!node.entries.has(key)) node.entries.set(key, scalar(value, node.at));
}

const everyDevice: Default = (node) => {
  if (!node.entries.has("device_ids")) missing(node, "count", "all");
};

const defaults = new PathTable<Default>({
  "services.*.build": (node) => missing(node, "context", "."),
  "services.*.secrets.*": (node) => {
    const source = node.entries.get("source");
    if (source) missing(node, "target", `/run/secrets/${textValue(source)}`);
  },
  "services.*.ports.*": (node) => {
    missing(node, "protocol", "tcp");
    missing(node, "mode", "ingress");
  },
  "services.*.deploy.resources.reservations.devices.*": everyDevice,
  "services.*.gpus.*": everyDevice,
});

export function setDefaults(root: Node): Node {
  return rewrite(root, defaults, (rule, node) => {
    if (node.kind === "mapping") rule(node);
    return node;
  });
}
