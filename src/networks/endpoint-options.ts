/** Driver options of endpoints and what networks say of their interfaces: names and sysctls. */
import type { EndpointSettings } from "../api/networks.ts";
import { systemError } from "../lib/errors.ts";
import type { InterfaceSysctl } from "./netd/protocol.ts";
import type { NetworkRecord } from "./record.ts";

const ifnameOption = "com.docker.network.endpoint.ifname";
const sysctlsOption = "com.docker.network.endpoint.sysctls";
export const ifacePrefixOption = "com.docker.network.container_iface_prefix";

type Options = Readonly<Record<string, string>>;
const optionsOf = (settings: Pick<EndpointSettings, "DriverOpts"> | undefined): Options => settings?.DriverOpts ?? {};

/** What is wrong with an endpoint's options, in Docker's words. */
export function optionComplaints(settings: Pick<EndpointSettings, "DriverOpts">): string[] {
  const options = optionsOf(settings);
  const complaints = sysctlTexts(options).flatMap((text) => {
    if (!sysctlForm.test(text)) {
      return `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`;
    }
    return text.includes("=") ? [] : `expected sysctl '${text}' to have format name=value`;
  });
  const name = options[ifnameOption];
  if (name && (!isDeviceName(name) || name === "lo")) complaints.push(`invalid interface name ${JSON.stringify(name)}`);
  return complaints;
}

/** What dev_valid_name() of the kernel takes. */
export const isDeviceName = (name: string): boolean =>
  name !== "" && Buffer.byteLength(name) <= 15 && !/[\s/:]/.test(name) && name !== "." && name !== "..";

/** Clients write the option in small letters. */
const sysctlForm = /^net\.(ipv4|ipv6|mpls)\.(\w+)\.ifname\.(\w+)(?:=|$)/i;

const sysctlTexts = (options: Options): string[] =>
  (options[sysctlsOption] ?? "").split(",").flatMap((text) => (text.trim() === "" ? [] : text.trim()));

/** Those that {@link optionComplaints} has nothing against. */
export function sysctlsOf(settings: Pick<EndpointSettings, "DriverOpts"> | undefined): InterfaceSysctl[] {
  return sysctlTexts(optionsOf(settings)).flatMap((text) => {
    const [, family, group, name] = sysctlForm.exec(text) ?? [];
    if (!family || !group || !name) return [];
    return { group: `${family.toLowerCase()}/${group}`, name, value: text.slice(text.indexOf("=") + 1) };
  });
}

/** Gives interfaces their names: those asked for, and for the rest the first free numbers behind their networks' words. */
export class InterfaceNames {
  /** Not to be chosen for anybody. */
  readonly #used: Set<string>;
  readonly #given: Set<string>;

  /** `used` are names that are taken already. */
  constructor(used: Iterable<string> = []) {
    this.#used = new Set(used);
    this.#given = new Set(this.#used);
  }

  /** Names chosen by users, before {@link next} gives others. */
  reserve(settings: readonly (EndpointSettings | undefined)[]): void {
    for (const one of settings) {
      const name = optionsOf(one)[ifnameOption];
      if (name) this.#used.add(name);
    }
  }

  /** Throws where one that was asked for is another's already. */
  next({ options }: Pick<NetworkRecord, "options">, settings: EndpointSettings | undefined): string {
    const asked = optionsOf(settings)[ifnameOption];
    if (asked) {
      if (this.#given.has(asked)) {
        throw systemError(`failed to add interface to sandbox: interface name ${JSON.stringify(asked)} is taken`);
      }
      this.#given.add(asked);
      return asked;
    }
    const prefix = options[ifacePrefixOption] || "eth";
    let number = 0;
    while (this.#used.has(`${prefix}${number}`)) number++;
    this.#used.add(`${prefix}${number}`);
    return `${prefix}${number}`;
  }
}
