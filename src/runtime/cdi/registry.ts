import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, systemError } from "../../lib/errors.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { type CdiSpec, type ContainerEdits, parseCdiSpec } from "./spec.ts";

interface CdiDevice {
  readonly spec: CdiSpec;
  readonly edits: ContainerEdits;
  /** Position of its directory: a later one wins. */
  readonly priority: number;
}

/** Devices by qualified name, `vendor.com/class=name`. */
export class CdiRegistry {
  constructor(
    private readonly directories: readonly string[],
    private readonly log: (message: string) => void,
  ) {}

  /** Every name that can be asked for, sorted. */
  names(): string[] {
    return [...this.#devices().keys()].sort();
  }

  /**
   * What the named devices change in a container, each specification's own edits once and first. The files are read anew, as
   * drivers write them at any time; all names resolve, or it throws.
   */
  resolve(names: readonly string[]): ContainerEdits[] {
    const devices = this.#devices();
    const missing = names.filter((name) => !devices.has(name));
    if (missing.length > 0) {
      throw systemError(`CDI device injection failed: unresolvable CDI devices ${missing.join(", ")}`);
    }
    const edits: ContainerEdits[] = [];
    const seen = new Set<CdiSpec>();
    for (const name of names) {
      const device = devices.get(name);
      if (!device) continue;
      if (!seen.has(device.spec)) edits.push(device.spec.containerEdits);
      seen.add(device.spec);
      edits.push(device.edits);
    }
    return edits;
  }

  /** Two files of one directory that claim a name leave nobody with it. */
  #devices(): Map<string, CdiDevice> {
    const devices = new Map<string, CdiDevice>();
    const contested = new Map<string, number>();
    for (const [priority, directory] of this.directories.entries()) {
      for (const spec of this.#specs(directory)) {
        for (const { name, containerEdits } of spec.devices) {
          const qualified = `${spec.kind}=${name}`;
          if (devices.get(qualified)?.priority === priority) contested.set(qualified, priority);
          devices.set(qualified, { spec, edits: containerEdits, priority });
        }
      }
    }
    for (const [name, priority] of contested) if (devices.get(name)?.priority === priority) devices.delete(name);
    return devices;
  }

  #specs(directory: string): CdiSpec[] {
    let files: string[];
    try {
      files = readdirSync(directory).filter((name) => /\.(json|yaml)$/.test(name));
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
      throw error;
    }
    return files.sort().flatMap((name) => {
      const path = join(directory, name);
      try {
        return [parseCdiSpec(path, readFileSync(path, "utf8"))];
      } catch (error) {
        this.log(`CDI specification ${path} is left out: ${messageOf(error)}`);
        return [];
      }
    });
  }
}
