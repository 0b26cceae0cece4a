// Starts the page.

import { render } from "preact";
import { start } from "./agent/live";
import { App } from "./app";
import { applyTheme } from "./shell/theme";

applyTheme();
start();
const root = document.getElementById("app");
if (root) render(<App />, root);
