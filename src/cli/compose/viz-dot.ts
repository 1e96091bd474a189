/** A project in Graphviz's language, as docker/compose 2.40 writes it (`pkg/compose/viz.go`), in the order of the names. */
import { imageOf } from "../../compose/create/container-body.ts";
import { orderedNetworks } from "../../compose/create/networking.ts";
import type { Port } from "../../compose/model/grants.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";

export interface DotOptions {
  readonly networks: boolean;
  readonly ports: boolean;
  readonly image: boolean;
  readonly indentation: string;
}

export function vizDot(project: Project, options: DotOptions): string {
  const { indentation } = options;
  const services = Object.values(project.services).sort((a, b) => (a.name < b.name ? -1 : 1));
  const nodes = services.map((service) => {
    const label = `<font point-size="15">${escaped(service.name)}</font>${details(project, service, options)}`;
    return `${indentation}${quoted(service.name)} [style="filled" label=<${label}>];\n`;
  });
  const edges = services.flatMap((service) => {
    const others = Object.keys(service.depends_on ?? {}).filter((name) => Object.hasOwn(project.services, name));
    return others.sort().map((name) => `${indentation}${quoted(service.name)} -> ${quoted(name)};\n`);
  });
  return `digraph ${quoted(project.name)} {\n${indentation}layout=dot;\n${nodes.join("")}\n${edges.join("")}}\n`;
}

function details(project: Project, service: Service, { networks, ports, image }: DotOptions): string {
  return [
    networks
      ? section(
          "Networks",
          orderedNetworks(service).map(([key]) => key),
        )
      : "",
    ports ? section("Ports", (service.ports ?? []).map(portText)) : "",
    image ? section("Image", [imageOf(project, service)]) : "",
  ].join("");
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  const items = lines.map((line) => `<br/>${escaped(line)}`).join("");
  return `<font point-size="10"><br/><br/><b>${title}:</b>${items}</font>`;
}

function portText({ host_ip, published = "", target, protocol = "tcp", mode = "ingress" }: Port): string {
  return `${host_ip ? `${host_ip}:` : ""}${published}:${target} (${protocol}, ${mode})`;
}

const quoted = (text: string): string => `"${text.replaceAll('"', '\\"')}"`;
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
