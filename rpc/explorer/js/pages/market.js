// The market of a microgrid. Nodes differ in what they serve: each part shows only where its method exists.

import { methods } from "../rpc.js";

export async function market() {
  await methods();
}
