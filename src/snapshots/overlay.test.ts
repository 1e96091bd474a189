import { snapshotterSuite } from "../../test/fixtures/snapshotter-suite.ts";
import { OverlaySnapshotter } from "./overlay.ts";

snapshotterSuite("overlay", (root) => new OverlaySnapshotter(root));
