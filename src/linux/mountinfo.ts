/** Lines of a mount table as proc_pid_mountinfo(5) has them. */
export interface MountLine {
  readonly id: string;
  readonly parent: string;
  /** The directory of the file system that is mounted: `/` for all of it. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** What the file system was mounted with. */
  readonly options: readonly string[];
}

/** Undoes the kernel's octal way of writing what would end a field. */
export function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
}

/** Reads a mount table: `36 35 98:0 /root /point flags tags - type source options`. */
export function parseMountinfo(text: string): MountLine[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(" ");
      const [id = "", parent = "", , root = "", point = ""] = fields;
      const [type = "", , options = ""] = fields.slice(fields.indexOf("-", 6) + 1);
      return {
        ...{ id, parent, root: unescapeField(root), point: unescapeField(point), type },
        options: options.split(",").map(unescapeField),
      };
    });
}
