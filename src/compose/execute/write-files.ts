/** Secrets and configs that are no files here: written into the container before it starts. */
import { paths } from "../../api/paths.ts";
import type { Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { tarEnd, tarHeader, tarPadding } from "../../lib/tar/writer.ts";
import { type ServiceFile, writtenFiles } from "../create/mounts.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";

export async function writeFiles(client: Client, project: Project, service: Service, id: string): Promise<void> {
  const files = writtenFiles(project, service);
  if (files.length > 0 && service.read_only) {
    const { source } = files[0]!;
    throw new Error(
      `cannot create secret or config ${JSON.stringify(source)} in read-only service ${service.name}: \`file\` is the sole supported option`,
    );
  }
  for (const file of files) {
    const query = { path: "/", noOverwriteDirNonDir: true, copyUIDGID: file.owned };
    await client.json(to(paths.containerPutArchive, { id }, query), {
      headers: { "Content-Type": "application/x-tar" },
      body: archiveOf(file),
    });
  }
}

function archiveOf({ target, text = "", uid, gid, mode }: ServiceFile): Uint8Array {
  const bytes = Buffer.from(text);
  const header = tarHeader({
    path: Buffer.from(target.replace(/^\//, "")),
    type: "file",
    mode,
    uid,
    gid,
    size: bytes.length,
    mtime: { sec: Math.floor(Date.now() / 1000), nsec: 0 },
  });
  return Buffer.concat([header, bytes, tarPadding(bytes.length), tarEnd]);
}
