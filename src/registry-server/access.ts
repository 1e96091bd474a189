/** Who may do what: users of an htpasswd file (bcrypt), and their rights by repository. */
import { readFileSync, statSync } from "node:fs";
import type { RepositoryName } from "./layout.ts";

export type Action = "pull" | "push" | "delete";

export interface Access {
  /** The user that a request proves to be; "" for nobody in particular, null for one whose credentials are wrong. */
  userOf(authorization: string | null): Promise<string | null>;
  allows(user: string, repository: RepositoryName | null, action: Action): boolean;
  /** What a 401 says. */
  readonly challenge: string;
}

/** A registry without users. */
export const everybody: Access = {
  userOf: async () => "",
  allows: () => true,
  challenge: "",
};

/** How long a proven password need not be hashed again: bcrypt takes a tenth of a second by design. */
const provenMs = 60_000;
const maxProven = 1000;

export class HtpasswdAccess implements Access {
  readonly #file: string;
  #users = new Map<string, string>();
  #stamp = "";
  readonly #proven = new Map<string, number>();

  /** Throws for a file that cannot be read or holds other than bcrypt hashes. */
  constructor(file: string) {
    this.#file = file;
    this.#read();
  }

  readonly challenge = 'Basic realm="dhow registry", charset="UTF-8"';

  async userOf(authorization: string | null): Promise<string | null> {
    if (authorization === null) return "";
    const [, encoded] = /^basic\s+([\w+/=-]+)$/i.exec(authorization.trim()) ?? [];
    if (encoded === undefined) return null;
    const text = Buffer.from(encoded, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon <= 0) return null;
    this.#read();
    const user = text.slice(0, colon);
    const hash = this.#users.get(user);
    const key = new Bun.CryptoHasher("sha256").update(`${hash ?? ""}\0${text}`).digest("hex");
    if ((this.#proven.get(key) ?? 0) > performance.now()) return user;
    // An unknown user takes as long as a known one.
    const matches = await Bun.password.verify(text.slice(colon + 1), hash ?? unknownHash).catch(() => false);
    if (!matches || hash === undefined) return null;
    if (this.#proven.size >= maxProven) this.#proven.clear();
    this.#proven.set(key, performance.now() + provenMs);
    return user;
  }

  allows(user: string): boolean {
    return user !== "";
  }

  /** Anew whenever the file has changed. */
  #read(): void {
    const { mtimeMs, size, ino } = statSync(this.#file);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    if (stamp === this.#stamp) return;
    const users = new Map<string, string>();
    for (const [at, line] of readFileSync(this.#file, "utf8").split("\n").entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue;
      const [, user, hash] = /^([^:]+):(\$2[aby]\$\d\d\$[\w./]{53})\s*$/.exec(line) ?? [];
      if (user === undefined || hash === undefined) {
        throw new Error(`${this.#file}:${at + 1}: expected NAME:BCRYPT-HASH (htpasswd -B)`);
      }
      users.set(user, hash.replace(/^\$2[ay]/, "$2b"));
    }
    this.#users = users;
    this.#stamp = stamp;
    this.#proven.clear();
  }
}

/** Of a password that nobody has. */
const unknownHash = Bun.password.hashSync(crypto.randomUUID(), { algorithm: "bcrypt", cost: 10 });
