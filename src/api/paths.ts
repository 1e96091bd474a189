/** Every route: method, path and query. `routes.ts` adds bodies, replies and failures for the server. */
import type { PathSpec } from "./route-spec.ts";

export const maxApiVersion = "1.51";
export const minApiVersion = "1.24";

export const paths = {
  containerList: {
    method: "GET",
    path: "/containers/json",
    query: { all: "flag", limit: "number", size: "flag", since: "text", before: "text", filters: "filters" },
    filters: [
      "ancestor",
      "before",
      "exited",
      "id",
      "isolation",
      "label",
      "name",
      "status",
      "health",
      "since",
      "volume",
      "network",
      "is-task",
      "publish",
      "expose",
    ],
  },
  containerCreate: { method: "POST", path: "/containers/create", query: { name: "text", platform: "text" } },
  containerInspect: { method: "GET", path: "/containers/{id:*}/json", query: { size: "flag" } },
  containerTop: { method: "GET", path: "/containers/{id}/top", query: { ps_args: "text" } },
  containerLogs: {
    method: "GET",
    path: "/containers/{id}/logs",
    query: {
      follow: "flag",
      stdout: "flag",
      stderr: "flag",
      since: "text",
      until: "text",
      timestamps: "flag",
      details: "flag",
      tail: "text",
    },
  },
  containerChanges: { method: "GET", path: "/containers/{id}/changes" },
  containerExport: { method: "GET", path: "/containers/{id}/export" },
  containerStats: {
    method: "GET",
    path: "/containers/{id}/stats",
    query: { stream: "flagOn", "one-shot": "flag" },
  },
  containerResize: { method: "POST", path: "/containers/{id}/resize", query: { h: "text", w: "text" } },
  containerStart: {
    method: "POST",
    path: "/containers/{id}/start",
    query: { detachKeys: "text", checkpoint: "text", "checkpoint-dir": "text" },
  },
  containerStop: { method: "POST", path: "/containers/{id}/stop", query: { signal: "text", t: "number" } },
  containerRestart: { method: "POST", path: "/containers/{id}/restart", query: { signal: "text", t: "number" } },
  containerKill: { method: "POST", path: "/containers/{id}/kill", query: { signal: "text" } },
  containerUpdate: { method: "POST", path: "/containers/{id}/update" },
  containerRename: { method: "POST", path: "/containers/{id}/rename", query: { name: "text" } },
  containerPause: { method: "POST", path: "/containers/{id}/pause" },
  containerUnpause: { method: "POST", path: "/containers/{id}/unpause" },
  containerAttach: {
    method: "POST",
    path: "/containers/{id}/attach",
    query: {
      detachKeys: "text",
      logs: "flag",
      stream: "flag",
      stdin: "flag",
      stdout: "flag",
      stderr: "flag",
      /** dhow's own: starts the container once the streams are in place; what the end is then waited for. */
      start: "text",
    },
  },
  containerAttachWebsocket: {
    method: "GET",
    path: "/containers/{id}/attach/ws",
    query: { detachKeys: "text", logs: "flag", stream: "flag", stdin: "flag", stdout: "flag", stderr: "flag" },
  },
  containerWait: { method: "POST", path: "/containers/{id}/wait", query: { condition: "text" } },
  containerRemove: {
    method: "DELETE",
    path: "/containers/{id:*}",
    query: { v: "flag", force: "flag", link: "flag" },
  },
  containerStatPath: { method: "HEAD", path: "/containers/{id}/archive", query: { path: "text" } },
  containerGetArchive: { method: "GET", path: "/containers/{id}/archive", query: { path: "text" } },
  containerPutArchive: {
    method: "PUT",
    path: "/containers/{id}/archive",
    query: { path: "text", noOverwriteDirNonDir: "flag", copyUIDGID: "flag" },
  },
  containerPrune: {
    method: "POST",
    path: "/containers/prune",
    query: { filters: "filters" },
    filters: ["label", "label!", "until"],
  },
  commit: {
    method: "POST",
    path: "/commit",
    query: {
      container: "text",
      repo: "text",
      tag: "text",
      comment: "text",
      author: "text",
      pause: "flagOn",
      changes: "words",
    },
  },

  execCreate: { method: "POST", path: "/containers/{id}/exec" },
  /** dhow's own: creates and starts an exec in one request, as a session of `api/session.ts`. */
  execRun: { method: "POST", path: "/containers/{id}/exec/run" },
  execStart: { method: "POST", path: "/exec/{id}/start" },
  execResize: { method: "POST", path: "/exec/{id}/resize", query: { h: "text", w: "text" } },
  execInspect: { method: "GET", path: "/exec/{id}/json" },

  imageList: {
    method: "GET",
    path: "/images/json",
    query: {
      all: "flag",
      filters: "filters",
      filter: "text",
      "shared-size": "flag",
      digests: "flag",
      manifests: "flag",
    },
    filters: ["dangling", "label", "label!", "before", "since", "reference", "until"],
  },
  imageCreate: {
    method: "POST",
    path: "/images/create",
    query: {
      fromImage: "text",
      fromSrc: "text",
      repo: "text",
      tag: "text",
      message: "text",
      changes: "words",
      platform: "text",
    },
  },
  /** The connection becomes HTTP/2, on which the client serves gRPC: its files, secrets and the like. */
  buildkitSession: { method: "POST", path: "/session" },
  /** The connection becomes HTTP/2, on which the daemon serves gRPC: BuildKit's Control. */
  buildkitControl: { method: "POST", path: "/grpc" },
  imageBuild: {
    method: "POST",
    path: "/build",
    query: {
      dockerfile: "text",
      t: "words",
      extrahosts: "text",
      remote: "text",
      q: "flag",
      nocache: "flag",
      cachefrom: "text",
      pull: "flag",
      rm: "flagOn",
      forcerm: "flag",
      memory: "number",
      memswap: "number",
      cpushares: "number",
      cpusetcpus: "text",
      cpusetmems: "text",
      cpuperiod: "number",
      cpuquota: "number",
      cgroupparent: "text",
      buildargs: "text",
      shmsize: "number",
      squash: "flag",
      labels: "text",
      networkmode: "text",
      platform: "text",
      target: "text",
      outputs: "text",
      ulimits: "text",
      version: "text",
      session: "text",
      buildid: "text",
    },
  },
  buildCancel: { method: "POST", path: "/build/cancel", query: { id: "text" } },
  buildPrune: {
    method: "POST",
    path: "/build/prune",
    query: {
      all: "flag",
      "keep-storage": "number",
      "reserved-space": "number",
      "max-used-space": "number",
      "min-free-space": "number",
      filters: "filters",
    },
    filters: ["until", "id", "parent", "type", "description", "inuse", "shared", "private"],
  },
  imageLoad: { method: "POST", path: "/images/load", query: { quiet: "flag", platform: "words" } },
  imagePrune: {
    method: "POST",
    path: "/images/prune",
    query: { filters: "filters" },
    filters: ["dangling", "label", "label!", "until"],
  },
  imageSearch: {
    method: "GET",
    path: "/images/search",
    query: { term: "text", limit: "number", filters: "filters" },
    filters: ["is-automated", "is-official", "stars"],
  },
  imageSaveMany: { method: "GET", path: "/images/get", query: { names: "words", platform: "words" } },
  imageSave: { method: "GET", path: "/images/{name:*}/get", query: { platform: "words" } },
  imageInspect: {
    method: "GET",
    path: "/images/{name:*}/json",
    query: { manifests: "flag", platform: "text" },
  },
  imageHistory: { method: "GET", path: "/images/{name:*}/history", query: { platform: "text" } },
  imagePush: { method: "POST", path: "/images/{name:*}/push", query: { tag: "text", platform: "text" } },
  imageTag: { method: "POST", path: "/images/{name:*}/tag", query: { repo: "text", tag: "text" } },
  imageRemove: {
    method: "DELETE",
    path: "/images/{name:*}",
    query: { force: "flag", noprune: "flag", platforms: "words" },
  },
  /** Ours: what images are stored as and unpacked to. */
  imageLayers: { method: "GET", path: "/dhow/v1/images/layers", query: { names: "words" } },
  /** Ours: the files of an image's layers, one JSON line each; from the layer `digestsFrom` on with digests. */
  imageFiles: {
    method: "GET",
    path: "/dhow/v1/images/{name:*}/files",
    query: { from: "number", digestsFrom: "number" },
  },
  /** Ours: which of some blobs are not here. */
  imageLacks: { method: "POST", path: "/dhow/v1/images/lacks" },
  /** Ours: as `GET /images/get`, without blobs that whoever loads it has. */
  imageSaveParts: { method: "POST", path: "/dhow/v1/images/save" },
  distributionInspect: { method: "GET", path: "/distribution/{name:*}/json" },

  volumeList: {
    method: "GET",
    path: "/volumes",
    query: { filters: "filters" },
    filters: ["dangling", "driver", "label", "name"],
  },
  volumeCreate: { method: "POST", path: "/volumes/create" },
  volumePrune: {
    method: "POST",
    path: "/volumes/prune",
    query: { filters: "filters" },
    filters: ["all", "label", "label!"],
  },
  volumeInspect: { method: "GET", path: "/volumes/{name}" },
  volumeUpdate: { method: "PUT", path: "/volumes/{name}", query: { version: "number" } },
  volumeRemove: { method: "DELETE", path: "/volumes/{name}", query: { force: "flag" } },

  /** Ours: another name for a volume that nobody uses. */
  volumeRename: { method: "POST", path: "/dhow/v1/volumes/{name}/rename", query: { name: "text" } },
  /** Ours: a new volume with another's data; `snapshot` labels it with that one's name. */
  volumeClone: { method: "POST", path: "/dhow/v1/volumes/{name}/clone", query: { name: "text", snapshot: "flag" } },
  /** Ours: a volume's data as a tar archive. */
  volumeExport: { method: "GET", path: "/dhow/v1/volumes/{name}/export" },
  /** Ours: a new volume from a tar archive. */
  volumeImport: { method: "POST", path: "/dhow/v1/volumes/{name}/import", query: { label: "words" } },

  networkList: {
    method: "GET",
    path: "/networks",
    query: { filters: "filters" },
    filters: ["dangling", "driver", "id", "label", "name", "scope", "type"],
  },
  networkCreate: { method: "POST", path: "/networks/create" },
  networkPrune: {
    method: "POST",
    path: "/networks/prune",
    query: { filters: "filters" },
    filters: ["label", "label!", "until"],
  },
  networkInspect: { method: "GET", path: "/networks/{id}", query: { verbose: "flag", scope: "text" } },
  networkRemove: { method: "DELETE", path: "/networks/{id}" },
  networkConnect: { method: "POST", path: "/networks/{id}/connect" },
  networkDisconnect: { method: "POST", path: "/networks/{id}/disconnect" },

  ping: { method: "GET", path: "/_ping" },
  pingHead: { method: "HEAD", path: "/_ping" },
  info: { method: "GET", path: "/info" },
  version: { method: "GET", path: "/version" },
  auth: { method: "POST", path: "/auth" },
  events: {
    method: "GET",
    path: "/events",
    query: { since: "text", until: "text", filters: "filters" },
    filters: [
      "config",
      "container",
      "daemon",
      "event",
      "image",
      "label",
      "network",
      "node",
      "plugin",
      "scope",
      "secret",
      "service",
      "type",
      "volume",
    ],
  },
  dataUsage: { method: "GET", path: "/system/df", query: { type: "words" } },

  /** Ours: removes what the policy `gc` of the configuration gives up, or with `dryRun` tells it. */
  gc: { method: "POST", path: "/dhow/v1/gc", query: { dryRun: "flag" } },
  /** Ours: looks for damage in all that is kept; `repair` puts right what it can. */
  systemCheck: { method: "POST", path: "/dhow/v1/check", query: { repair: "flag" } },
  /** Ours: ends the daemon, with `all` its containers too. */
  daemonStop: { method: "POST", path: "/dhow/v1/stop", query: { all: "flag" } },
} as const satisfies Record<string, PathSpec>;

export type RouteName = keyof typeof paths;
