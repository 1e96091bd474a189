import { randomInt } from "node:crypto";
import { invalidArgument } from "../lib/errors.ts";

/** Sailing winds and weathers for a name's first half. */
const moods =
  "amber ample bold brave breezy bright brisk calm clear coastal coral crisp dapper daring deep eager easy fair fleet fresh gentle glad golden grand happy hardy humble ivory jolly keen kind late laden light lively lofty loyal lucky mellow merry mild misty neat nimble noble northern patient placid plain polite proud quick quiet ready rosy rustic sandy serene sharp shiny silent silver sleek snug solid southern spry starry steady stern still stout sturdy sunny swift tidal tidy trim true upbeat vivid warm wavy western wise witty zesty".split(
    " ",
  );

/** Boats, parts of boats, and who and what lives by the sea. */
const vessels =
  "albatross anchor anemone baghlah barnacle barque beacon boom brig buoy capstan caravel catamaran clipper compass coracle cormorant current cutter dhow dinghy dolphin dory eider estuary felucca ferry galleon galley gannet gull halyard harbor heron herring hull islet jetty junk kayak keel kelp ketch lagoon lantern lateen lighthouse limpet lugger mackerel manatee marlin mast mooring narwhal nautilus oar osprey otter oyster paddle pelican petrel pier pilot pinnace plover porpoise puffin quay raft reef rigging rudder sail sambuk sampan sandbar sardine schooner seal sextant shoal skiff sloop spar starfish stern tern tide tiller trawler turtle wherry whelk windlass yawl zebec".split(
    " ",
  );

/** A name nobody has, such as `brisk_osprey`; `taken` tells which are gone. */
export function generateName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const base = `${moods[randomInt(moods.length)]}_${vessels[randomInt(vessels.length)]}`;
    const name = attempt < 6 ? base : `${base}${randomInt(10 ** Math.min(attempt - 5, 8))}`;
    if (!taken(name)) return name;
  }
}

/** The name without its leading slash; throws in dockerd's words when it is not one. */
export function checkName(name: string): string {
  const bare = name.startsWith("/") ? name.slice(1) : name;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare)) {
    throw invalidArgument(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return bare;
}
