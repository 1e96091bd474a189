/** The images service put together. */
import { ContentStore } from "../content/content-store.ts";
import { invalidArgument } from "../lib/errors.ts";
import { hostOf } from "../registry/auth.ts";
import { RegistryClient } from "../registry/client.ts";
import { search } from "../registry/search.ts";
import { BuildOutputs } from "./build-outputs.ts";
import { BuildStore } from "./build-store.ts";
import { Catalog } from "./catalog.ts";
import { checkImages } from "./check/check-images.ts";
import { commit } from "./commit.ts";
import { distribution } from "./distribution.ts";
import type { Images, ImagesOptions } from "./images.ts";
import { importTar } from "./import.ts";
import { LayerForms } from "./layer-form.ts";
import { imageFiles, imageLayers } from "./layers.ts";
import { load } from "./load.ts";
import { platformOf, wireDescriptor } from "./manifest.ts";
import { newNameOf } from "./new-name.ts";
import { PackedLayers } from "./packed-layers.ts";
import { createPuller } from "./pull.ts";
import { Pusher } from "./push.ts";
import { notesIn } from "./push-helper.ts";
import { history, inspect, list, type QuerySources, sizeOf } from "./query.ts";
import { prune, remove } from "./remove.ts";
import { save } from "./save.ts";
import { searchFilter } from "./search.ts";
import { Shelf } from "./shelf.ts";

/** Opens the image records and the content store. */
export function createImages(options: ImagesOptions): Images {
  const content = new ContentStore(options.contentRoot);
  const catalog = new Catalog(options.db, content, options.emit, options.log);
  const shelf = new Shelf(catalog, options.snapshots);
  const { applyChanges } = options;
  const sources: QuerySources = { catalog, snapshots: options.snapshots, usersOf: options.usersOf };
  const pull = createPuller(shelf, options);
  const packed = new PackedLayers(options.db);
  const pusher = new Pusher(shelf, packed, options);
  const outputs = new BuildOutputs(shelf, new LayerForms(options.db), options);
  return {
    building: new BuildStore(shelf),
    outputs,
    resolve(nameOrId) {
      const { image } = catalog.find(nameOrId);
      return {
        id: image.id,
        config: image.config,
        ...platformOf(image.file),
        chainId: image.chain.at(-1) ?? null,
        descriptor: wireDescriptor(image.record.manifest),
      };
    },
    async view(imageId, target) {
      const chainId = catalog.find(imageId).image.chain.at(-1);
      if (chainId !== undefined) await options.snapshots.view(chainId, target);
    },
    sizeOf: async (imageId) => sizeOf(sources, catalog.find(imageId).image),
    async layersSize() {
      const chains = new Set(catalog.readable().flatMap((image) => image.chain));
      let total = 0;
      for (const id of chains) if (options.snapshots.hasLayer(id)) total += await options.snapshots.layerSize(id);
      return total;
    },
    list: (query) => list(sources, query),
    inspect: (name, query) => inspect(sources, name, query.platform),
    history: (name, query) => history(sources, name, query.platform),
    async tag(name, target) {
      const { image } = catalog.find(name);
      catalog.tag(image.id, newNameOf(target.repo, target.tag));
    },
    remove: (name, query) => remove(shelf, sources, name, query),
    prune: (filters) => prune(shelf, sources, filters),
    pull,
    push: (name, query, progress, op) => pusher.push(name, query, progress, op),
    importTar: (request, source, progress, op) => importTar({ shelf, applyChanges }, request, source, progress, op),
    load: (query, archive, progress, op) => load(shelf, query, archive, progress, op),
    save: async (names, query, op) => save(shelf, names, query, op),
    lacks: async (blobs) =>
      blobs.filter(({ digest, size }) => content.size(digest) !== size).map(({ digest }) => digest),
    layers: (names) => imageLayers(shelf, names),
    files: async (name, query, op) => imageFiles(shelf, name, query, op),
    commit: (request, op) => commit({ shelf, applyChanges }, request, op),
    async search({ filters, ...query }, op) {
      const wanted = searchFilter(filters);
      const found = await search(query, options.config.registry.insecure, op.signal);
      return found.filter(wanted);
    },
    distribution: (name, auth, op) => distribution(options.config, name, auth, op),
    async login(auth, op) {
      const domain = auth.serveraddress ? hostOf(auth.serveraddress) : "docker.io";
      if (domain === "") throw invalidArgument(`invalid registry address ${JSON.stringify(auth.serveraddress)}`);
      const { insecure } = options.config.registry;
      const hub = domain === "index.docker.io" || domain === "registry-1.docker.io";
      await new RegistryClient({ domain: hub ? "docker.io" : domain, insecure, auth }).login(op.signal);
      return { Status: "Login Succeeded", IdentityToken: "" };
    },
    check: (request, report, op) => checkImages(shelf, options.config, request, report, op),
    async sweep() {
      const used = catalog.uses.all();
      content.sweep((digest) => used?.blobs.has(digest) ?? true);
      await shelf.collect();
      notesIn(content.root).sweep();
      packed.keep((layer) => content.has(layer));
      outputs.sweep();
    },
  };
}
