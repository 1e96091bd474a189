/** A client's directories of blobs, as a daemon reads and writes them over the session: containerd's content service. */
import { service } from "../../lib/grpc/service.ts";
import { map, message, one } from "../../lib/protobuf/message.ts";
import { Timestamp } from "./types.ts";

/** The header that names the directory: `local:PATH` of a cache, `oci:NAME` of a layout, `export` of an output. */
export const storeIdHeader = "buildkit-attachable-store-id";

export const writeActions = { stat: 0, write: 1, commit: 2 } as const;

export const BlobInfo = message("containerd.services.content.v1.Info", {
  digest: one(1, "string"),
  size: one(2, "size"),
  createdAt: one(3, Timestamp),
  updatedAt: one(4, Timestamp),
  labels: map(5, "string"),
});

export const Content = service("containerd.services.content.v1.Content", {
  Info: [
    message("containerd.services.content.v1.InfoRequest", { digest: one(1, "string") }),
    message("containerd.services.content.v1.InfoResponse", { info: one(1, BlobInfo) }),
  ],
  Read: [
    message("containerd.services.content.v1.ReadContentRequest", {
      digest: one(1, "string"),
      offset: one(2, "size"),
      size: one(3, "size"),
    }),
    message("containerd.services.content.v1.ReadContentResponse", { offset: one(1, "size"), data: one(2, "bytes") }),
    "response",
  ],
  Write: [
    message("containerd.services.content.v1.WriteContentRequest", {
      action: one(1, "int32"),
      ref: one(2, "string"),
      total: one(3, "size"),
      expected: one(4, "string"),
      offset: one(5, "size"),
      data: one(6, "bytes"),
      labels: map(7, "string"),
    }),
    message("containerd.services.content.v1.WriteContentResponse", {
      action: one(1, "int32"),
      startedAt: one(2, Timestamp),
      updatedAt: one(3, Timestamp),
      offset: one(4, "size"),
      total: one(5, "size"),
      digest: one(6, "string"),
    }),
    "both",
  ],
});
