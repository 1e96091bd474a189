/** Which hardware address was last known under an address, so that only a change is announced: an announcement goes to every port. */

/** As many as the largest subnet that Docker's default pools give. */
const limit = 65_536;

export class Claims {
  /** By bridge and address; the oldest first. */
  readonly #macs = new Map<string, string>();

  /**
   * Notes that `address` is at `mac` now. True when somebody may know it elsewhere: it was another's, or the bridge is older than
   * this netd, which then cannot tell.
   */
  claim(bridge: { readonly index: number; readonly found: boolean }, address: string, mac: string): boolean {
    const key = `${bridge.index} ${address}`;
    const before = this.#macs.get(key);
    this.#macs.delete(key);
    this.#macs.set(key, mac);
    if (this.#macs.size > limit) {
      const [oldest] = this.#macs.keys();
      if (oldest !== undefined) this.#macs.delete(oldest);
    }
    return before === undefined ? bridge.found : before !== mac;
  }
}
