/** The users of an htpasswd file: names and bcrypt hashes. */
import { WatchedFile } from "./watched-file.ts";

/** How long a proven password need not be hashed again: bcrypt takes a tenth of a second by design. */
const provenMs = 60_000;
const maxProven = 1000;

/** Of a password that nobody has, so that an unknown user takes as long as a known one. */
const unknownHash = Bun.password.hashSync(crypto.randomUUID(), { algorithm: "bcrypt", cost: 10 });

export class Users {
  readonly #file: WatchedFile<ReadonlyMap<string, string>>;
  readonly #proven = new Map<string, number>();

  /** Throws for a file that cannot be read or holds other than bcrypt hashes; a later fault of it leaves the users as they were. */
  constructor(path: string, log: (message: string) => void) {
    this.#file = new WatchedFile(path, parse, log);
  }

  /** The user who sent these basic credentials; null when there is none of that name and password. */
  async userOf(authorization: string): Promise<string | null> {
    const [, encoded] = /^basic\s+([\w+/=-]+)$/i.exec(authorization.trim()) ?? [];
    if (encoded === undefined) return null;
    const text = Buffer.from(encoded, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon <= 0) return null;
    const user = text.slice(0, colon);
    const hash = this.#file.value.get(user);
    // With the hash in it, so that a changed password is asked for again.
    const key = new Bun.CryptoHasher("sha256").update(`${hash ?? ""}\0${text}`).digest("hex");
    if (hash !== undefined && (this.#proven.get(key) ?? 0) > performance.now()) return user;
    const matches = await Bun.password.verify(text.slice(colon + 1), hash ?? unknownHash).catch(() => false);
    if (!matches || hash === undefined) return null;
    if (this.#proven.size >= maxProven) this.#proven.clear();
    this.#proven.set(key, performance.now() + provenMs);
    return user;
  }

  has(user: string): boolean {
    return this.#file.value.has(user);
  }
}

function parse(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, user, hash] = /^([^:]+):(\$2[aby]\$\d\d\$[\w./]{53})\s*$/.exec(line) ?? [];
    if (user === undefined || hash === undefined)
      throw new Error(`line ${at + 1}: expected NAME:BCRYPT-HASH (htpasswd -B)`);
    users.set(user, hash.replace(/^\$2[ay]/, "$2b"));
  }
  return users;
}
