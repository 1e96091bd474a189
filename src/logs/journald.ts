/** The driver `journald`: systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
import { closeSync, existsSync } from "node:fs";
import { unavailable } from "../lib/errors.ts";
import { formatNanoseconds } from "../lib/log-file/time.ts";
import { sealedFile } from "../linux/memfd.ts";
import type { LogDriver, LogInfo, LogMessage } from "./driver.ts";
import { extraAttributes, tagOf } from "./log-info.ts";
import { UnixDatagramSocket } from "./unix-datagram-socket.ts";

const priorities = { stdout: "6", stderr: "3" } as const;

/** The driver over the journal that listens at `path`. */
export function journaldDriver(path = "/run/systemd/journal/socket"): LogDriver {
  return {
    check() {},
    open(info) {
      const fields = containerFields(info);
      return {
        connectsFirst: true,
        holdsFor: "slow",
        async connect() {
          if (!existsSync(path)) throw unavailable("journald is not enabled on this host");
          const socket = new UnixDatagramSocket(path);
          return {
            async send(messages) {
              for (const message of messages) await sendEntry(socket, encode({ ...fields, ...fieldsOf(message) }));
            },
            [Symbol.dispose]: () => socket[Symbol.dispose](),
          };
        },
      };
    },
  };
}

function containerFields(info: LogInfo): Record<string, string> {
  const tag = tagOf(info, "{{.ID}}");
  return {
    CONTAINER_ID: info.containerId.slice(0, 12),
    CONTAINER_ID_FULL: info.containerId,
    CONTAINER_NAME: info.containerName,
    CONTAINER_TAG: tag,
    IMAGE_NAME: info.imageName,
    SYSLOG_IDENTIFIER: tag,
    ...extraAttributes(info, fieldName),
  };
}

/** The journal's names: upper case, digits and underscores, none of these at the beginning. */
function fieldName(key: string): string {
  return key
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/^_+/, "");
}

function fieldsOf({ line, stream, at, partial }: LogMessage): Record<string, string> {
  return {
    MESSAGE: line,
    PRIORITY: priorities[stream],
    SYSLOG_TIMESTAMP: formatNanoseconds(at),
    ...(partial && {
      ...(!partial.last && { CONTAINER_PARTIAL_MESSAGE: "true" }),
      CONTAINER_PARTIAL_ID: partial.id,
      CONTAINER_PARTIAL_ORDINAL: String(partial.ordinal),
      CONTAINER_PARTIAL_LAST: String(partial.last),
    }),
  };
}

function encode(fields: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name === "") continue;
    if (!value.includes("\n")) {
      parts.push(Buffer.from(`${name}=${value}\n`));
      continue;
    }
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    parts.push(Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}

/** What is too long for a datagram goes as a sealed file. */
async function sendEntry(socket: UnixDatagramSocket, entry: Buffer): Promise<void> {
  if (await socket.send(entry)) return;
  const fd = sealedFile("journal-entry", entry);
  try {
    await socket.sendDescriptor(fd);
  } finally {
    closeSync(fd);
  }
}
