/**
 * A stand-in for an S3-compatible store: s3rver (20minutes' fork, which is kept up), with one bucket. It checks signatures against the
 * one account it knows, `S3RVER` with the secret `S3RVER`, and knows neither listing nor aborting of multipart uploads. Where it is wrong about
 * S3 it is put right here.
 *   node s3-server.mjs DIRECTORY PORT BUCKET
 */
import S3rver from "@20minutes/s3rver";

const [, , directory, port, bucket] = process.argv;
const options = { address: "127.0.0.1", port: Number(port), directory, silent: true };
const server = new S3rver({ ...options, configureBuckets: [{ name: bucket, configs: [] }] });
// It leaves the slash behind a bucket's name out of what it takes for signed, so that it would refuse lists, which are signed rightly.
server.middleware.unshift((context, next) => {
  if (/^\/[^/]+\/$/.test(context.path))
    context.app = Object.create(server, { allowMismatchedSignatures: { value: true } });
  return next();
});
// Lists by a delimiter lack what holds no object but deeper ones, so they are made here of lists without one, whole.
const listObjects = server.store.listObjects.bind(server.store);
server.store.listObjects = async (name, { delimiter, prefix = "", ...options }) => {
  if (!delimiter) return listObjects(name, { prefix, ...options });
  const { objects } = await listObjects(name, { prefix, ...options, maxKeys: Number.POSITIVE_INFINITY });
  const end = ({ key }) => key.indexOf(delimiter, prefix.length);
  const below = objects.filter((object) => end(object) !== -1);
  const commonPrefixes = [...new Set(below.map((object) => object.key.slice(0, end(object) + delimiter.length)))];
  return { objects: objects.filter((object) => end(object) === -1), commonPrefixes, isTruncated: false };
};
await server.run();
