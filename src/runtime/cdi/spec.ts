/** Specification files of the Container Device Interface (https://github.com/cncf-tags/container-device-interface). */
import * as v from "valibot";

const text = v.string();
const texts = v.array(text);
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const absolute = v.pipe(text, v.startsWith("/"));

const deviceNode = v.object({
  path: absolute,
  hostPath: v.optional(absolute),
  type: v.optional(v.picklist(["b", "c", "u", "p", ""])),
  major: v.optional(whole),
  minor: v.optional(whole),
  fileMode: v.optional(whole),
  permissions: v.optional(v.pipe(text, v.regex(/^[rwm]*$/))),
  uid: v.optional(whole),
  gid: v.optional(whole),
});

const hook = v.object({
  hookName: v.picklist(["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]),
  path: absolute,
  args: v.optional(texts),
  env: v.optional(texts),
  timeout: v.optional(whole),
});

const mount = v.object({
  hostPath: text,
  containerPath: absolute,
  options: v.optional(texts),
  type: v.optional(text),
});

const containerEdits = v.object({
  env: v.optional(v.array(v.pipe(text, v.regex(/^[^=\0]+=[^\0]*$/)))),
  deviceNodes: v.optional(v.array(deviceNode)),
  hooks: v.optional(v.array(hook)),
  mounts: v.optional(v.array(mount)),
  additionalGids: v.optional(v.array(whole)),
});
export type ContainerEdits = v.InferOutput<typeof containerEdits>;

const name = v.pipe(text, v.regex(/^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/));

const cdiSpec = v.object({
  cdiVersion: v.pipe(text, v.regex(/^\d+\.\d+\.\d+$/)),
  kind: v.pipe(text, v.regex(/^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w.-]*[A-Za-z0-9])?$/)),
  devices: v.array(v.object({ name, containerEdits })),
  containerEdits: v.optional(containerEdits, {}),
});
export type CdiSpec = v.InferOutput<typeof cdiSpec>;

/** Reads a file's text, JSON or YAML by its name; throws with the reason when it is no specification. */
export function parseCdiSpec(path: string, content: string): CdiSpec {
  const document: unknown = path.endsWith(".json") ? JSON.parse(content) : Bun.YAML.parse(withOctals(content));
  const result = v.safeParse(cdiSpec, document);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Error(`${v.getDotPath(issue) ?? "document"}: ${issue.message}`);
}

/** Modes are written as YAML 1.1 has octal numbers, which YAML 1.2 reads as decimal ones. */
const withOctals = (content: string): string =>
  content.replace(/^(\s*(?:- )?["']?fileMode["']?:\s*)0([0-7]+)\s*$/gm, "$10o$2");
