/** `scan-packages`: what package managers have installed in a tree. Its files are anybody's: no link is followed, all is bounded. */
import { answer, tellCaller } from "../../helper/helper-process.ts";
import { DT_DIR, readDirectory } from "../../linux/directory.ts";
import {
  AT_FDCWD,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  openAt,
  readFd,
  tryOpenAt,
} from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, tryOpenAt2 } from "../../linux/openat2.ts";
import { raiseFileLimit } from "../../linux/rlimit.ts";
import { fstat, S_IFMT, S_IFREG } from "../../linux/stat.ts";
import {
  type FoundPackage,
  readApk,
  readDpkg,
  readOsRelease,
  readPackageJson,
  readPythonMetadata,
} from "./package-databases.ts";
import { readRpm, rpmDatabases } from "./rpm-database.ts";

export interface ScanRequest {
  readonly root: string;
}

/** One line of the helper's output. */
export type ScanLine = { readonly package: FoundPackage };

export interface ScanAnswer {
  readonly distribution: { readonly id: string; readonly version: string };
  /** Not all of the tree was looked at. */
  readonly isCut: boolean;
}

const maxDatabase = 64 << 20;
/** RPM's holds the names of all files. */
const maxRpmDatabase = 512 << 20;
const maxManifest = 1 << 20;
const maxEntries = 2_000_000;
const maxDepth = 60;
const maxPackages = 200_000;
/** Made by the kernel, and no part of an image. */
const skipped: ReadonlySet<string> = new Set(["/proc", "/sys", "/dev"]);

export async function scanPackagesMain(args: string[]): Promise<void> {
  await answer<ScanRequest, ScanAnswer>(args, async ({ root }) => {
    raiseFileLimit();
    const top = openAt(AT_FDCWD, root, O_DIRECTORY);
    const scan = new Scan(top);
    scan.databases();
    scan.walk(top, "", 0);
    const release = scan.read("/etc/os-release", maxManifest) ?? scan.read("/usr/lib/os-release", maxManifest) ?? "";
    return { distribution: readOsRelease(release), isCut: scan.isCut };
  });
}

class Scan {
  readonly #root: number;
  #entries = 0;
  #packages = 0;
  isCut = false;

  constructor(root: number) {
    this.#root = root;
  }

  databases(): void {
    this.#tell(readDpkg(this.read("/var/lib/dpkg/status", maxDatabase) ?? "", "/var/lib/dpkg/status"));
    for (const path of this.#names("/var/lib/dpkg/status.d")) {
      this.#tell(readDpkg(this.read(path, maxManifest) ?? "", path));
    }
    for (const path of ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"]) {
      this.#tell(readApk(this.read(path, maxDatabase) ?? "", path));
    }
    for (const path of rpmDatabases) {
      const bytes = this.#bytes(path, maxRpmDatabase);
      if (bytes !== null) this.#tell(readRpm(bytes, path));
    }
  }

  #tell(found: Iterable<FoundPackage>): void {
    for (const one of found) {
      if (++this.#packages > maxPackages) {
        this.isCut = true;
        return;
      }
      tellCaller({ package: one } satisfies ScanLine);
    }
  }

  #names(path: string): string[] {
    const fd = tryOpenAt2(this.#root, `.${path}`, O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (fd < 0) return [];
    try {
      return readDirectory(fd).map(({ name }) => `${path}/${name}`);
    } finally {
      close(fd);
    }
  }

  /** A plain file of that size at most; null for anything else. */
  read(path: string, limit: number): string | null {
    return this.#bytes(path, limit)?.toString("utf8") ?? null;
  }

  #bytes(path: string, limit: number): Buffer | null {
    const fd = tryOpenAt2(this.#root, `.${path}`, O_RDONLY | O_NONBLOCK, RESOLVE_IN_ROOT);
    if (fd < 0) return null;
    try {
      const { mode, size } = fstat(fd);
      if ((mode & S_IFMT) !== S_IFREG || size > limit) return null;
      const bytes = Buffer.alloc(size);
      let at = 0;
      for (let n = 1; n > 0 && at < size; at += n) n = readFd(fd, bytes, at, size - at);
      return bytes.subarray(0, at);
    } finally {
      close(fd);
    }
  }

  /** Directories below an open one, which stays its caller's. */
  walk(dir: number, path: string, depth: number): void {
    if (depth > maxDepth) {
      this.isCut = true;
      return;
    }
    for (const { name, type } of readDirectory(dir)) {
      if (++this.#entries > maxEntries) {
        this.isCut = true;
        return;
      }
      const here = `${path}/${name}`;
      if (type === DT_DIR) this.#directory(dir, name, here, depth);
      else this.#file(path, String(name), here);
    }
  }

  #directory(dir: number, name: Buffer, here: string, depth: number): void {
    if (skipped.has(here)) return;
    const fd = tryOpenAt(dir, name, O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return;
    try {
      this.walk(fd, here, depth + 1);
    } finally {
      close(fd);
    }
  }

  #file(directory: string, name: string, here: string): void {
    if (name === "package.json" && /\/node_modules\/(?:@[^/]+\/)?[^/]+$/.test(directory)) {
      this.#tell(readPackageJson(this.read(here, maxManifest) ?? "", here));
    } else if (
      (name === "METADATA" && directory.endsWith(".dist-info")) ||
      (name === "PKG-INFO" && directory.endsWith(".egg-info"))
    ) {
      this.#tell(readPythonMetadata(this.read(here, maxManifest) ?? "", here));
    }
  }
}
