import { snapshotterSuite } from "../../test/fixtures/snapshotter-suite.ts";
import { NativeSnapshotter } from "./native.ts";

snapshotterSuite("native", (root) => new NativeSnapshotter(root));
