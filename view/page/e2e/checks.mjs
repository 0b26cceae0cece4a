// The checks, in the order in which they run.

import { accessibility } from "./checks/accessibility.mjs";
import { connection, locked } from "./checks/connection.mjs";
import { hostile } from "./checks/hostile.mjs";
import { live } from "./checks/live.mjs";
import { map } from "./checks/map.mjs";
import { search } from "./checks/search.mjs";
import { shell } from "./checks/shell.mjs";
import { waterfall } from "./checks/waterfall.mjs";

export const checks = [...map, ...search, ...waterfall, ...live, ...hostile, ...shell, ...connection, ...accessibility];

export { locked };
