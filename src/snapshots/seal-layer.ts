/** The helper that makes a layer of a writable layer where it lies: its tar is written and hashed, and all of it brought to the disk. */
import { fdatasyncSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answer } from "../helper/helper-process.ts";
import { AT_FDCWD, O_DIRECTORY, openAt, syncfs, unlinkAt, writeFd } from "../linux/file.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import type { LayerRecord } from "./layer-store.ts";
import { TreePacker } from "./pack-tree.ts";
import type { SealedLayer } from "./snapshotter.ts";
import type { TarDestination } from "./tar-output.ts";
import { Budget } from "./unpack/budget.ts";

export interface SealLayerRequest {
  /** Of the writable layer, with `diff` in it; `layer.json` is put beside. */
  readonly dir: string;
  /** Chain id of the layers below; null for none. */
  readonly parent: string | null;
}

/** `seal-layer`: the tar goes to descriptor 3. */
export async function sealLayerMain(args: string[]): Promise<void> {
  await answer<SealLayerRequest, SealedLayer>(args, async ({ dir, parent }) => {
    raiseFileLimit();
    const root = openAt(AT_FDCWD, join(dir, "diff"), O_DIRECTORY);
    const archive = new HashedOutput(3, Budget.at(dir));
    let size = 0;
    const observer = {
      bytes: (count: number): void => {
        size += count;
      },
      // A layer is what its archive says.
      left: (at: number, name: Buffer): void => unlinkAt(at, name),
    };
    const packer = new TreePacker(archive, { whiteouts: true }, observer);
    packer.children(root, Buffer.alloc(0));
    packer.end();
    const diffId = archive.digest();
    const chainId =
      parent === null ? diffId : `sha256:${new Bun.CryptoHasher("sha256").update(`${parent} ${diffId}`).digest("hex")}`;
    const record: LayerRecord = { version: 1, chainId, parent, diffId, size };
    writeFileSync(join(dir, "layer.json"), JSON.stringify(record), { mode: 0o600 });
    syncfs(root);
    fdatasyncSync(3);
    return { chainId, diffId, archiveSize: archive.size };
  });
}

class HashedOutput implements TarDestination {
  readonly #fd: number;
  readonly #budget: Budget;
  readonly #hasher = new Bun.CryptoHasher("sha256");
  readonly #buffer = Buffer.allocUnsafeSlow(256 * 1024);
  #filled = 0;
  /** Bytes so far. */
  size = 0;

  constructor(fd: number, budget: Budget) {
    this.#fd = fd;
    this.#budget = budget;
  }

  write(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#buffer.length) this.flush();
    if (bytes.length > this.#buffer.length) this.#out(bytes);
    else {
      this.#buffer.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
  }

  flush(): void {
    this.#out(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #out(bytes: Uint8Array): void {
    this.#budget.takeBytes(bytes.length);
    this.#hasher.update(bytes);
    writeFd(this.#fd, bytes);
    this.size += bytes.length;
  }

  digest(): string {
    return `sha256:${this.#hasher.digest("hex")}`;
  }
}
