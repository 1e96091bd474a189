import { flag } from "../lib/flags.ts";

/** Flags of `dhow registry serve`. */
export const registryFlags = {
  addr: flag.string("Address and port to listen on", { initial: "127.0.0.1:5000" }),
  "cors-origin": flag.list(
    "Origin whose web pages may use the registry (https://HOST[:PORT]), or *; may be given again",
  ),
  htpasswd: flag.string("File of users and bcrypt hashes (htpasswd -B); without it everybody may do everything"),
  "gc-grace": flag.duration("How long a blob that nothing refers to is kept", { initial: 3600 * 1e9 }),
  "gc-interval": flag.duration("Time between two collections; 0 for none", { initial: 3600 * 1e9 }),
  "gc-untagged": flag.bool("Collect manifests too that no tag leads to"),
  header: flag.list('Header of every answer ("NAME: VALUE"); may be given again'),
  "max-upload-bytes": flag.bytes("Most bytes of uploads that one user may have under way; 0 for no limit"),
  "max-uploads": flag.int("Most uploads that one user may have under way", { initial: 1000, unsigned: true }),
  "metrics-addr": flag.string("Address and port of Prometheus' metrics and /debug/health; without it there are none"),
  "no-delete": flag.bool("Refuse to remove blobs, manifests and tags"),
  "no-page": flag.bool("Show browsers no page"),
  notify: flag.list("URL that is told of pushes, pulls, mounts and deletions; may be given again"),
  "notify-actions": flag.strings("What is told: push, pull, mount, delete; everything unless given"),
  "notify-headers": flag.string('File of headers ("NAME: VALUE" lines) that are sent to the URLs of --notify'),
  "proxy-credentials": flag.string("File with USER:PASSWORD for the registry that this one is a cache of"),
  "proxy-insecure": flag.bool("Take any certificate of the registry that this one is a cache of"),
  "proxy-max-size": flag.bytes("Most bytes that a cache keeps; what was asked for longest ago goes first"),
  "proxy-namespace": flag.list(
    "Another host that the registry behind a cache stands for, as clients name it in ?ns=; may be given again",
  ),
  "proxy-open": flag.bool("Let everybody pull what the credentials of --proxy-credentials can"),
  "proxy-remote-url": flag.string("Be a cache of that registry (https://HOST[:PORT]); nothing can be pushed then"),
  "proxy-stale": flag.duration("How long a cache answers with a tag as it was while upstream is away; 0 for never", {
    initial: 168 * 3600 * 1e9,
  }),
  "proxy-ttl": flag.duration("How long a cache keeps what nobody asks for", { initial: 168 * 3600 * 1e9 }),
  "read-only": flag.bool("Refuse whatever would change something, with 405"),
  rights: flag.string("File of what users may do with which repositories; without it they may do everything"),
  root: flag.string("Directory of the registry's data"),
  "s3-bucket": flag.string("Keep the data in this bucket of an S3-compatible store, which no other registry may use"),
  "s3-credentials": flag.string(
    "File with aws_access_key_id and aws_secret_access_key; without it, the environment's variables of those names",
  ),
  "s3-endpoint": flag.string("Address of the S3-compatible store (https://HOST[:PORT]); without it, Amazon's"),
  "s3-prefix": flag.string("What the keys of all objects begin with"),
  "s3-region": flag.string("Region of the bucket"),
  "scrub-interval": flag.duration("Time between two rounds that hold all blobs against their digests; 0 for none", {
    initial: 168 * 3600 * 1e9,
  }),
  "tls-cert": flag.string("Certificate file (PEM)"),
  "tls-key": flag.string("Key file (PEM)"),
  tokens: flag.bool("Ask for tokens of the registry's own, which say for five minutes what they allow"),
};
