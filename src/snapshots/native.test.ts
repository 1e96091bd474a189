import { NativeSnapshotter } from "./native.ts";
import { snapshotterSuite } from "./snapshotter-suite.ts";

snapshotterSuite("native", (root) => new NativeSnapshotter(root));
