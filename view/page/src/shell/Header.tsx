// Name, navigation, and the state of the connection to the agent.

import { connection, reconnect } from "../agent/live";
import type { View } from "../route/route";
import { Store } from "./Store";
import { helpOpen } from "./shortcuts";
import { nextTheme, theme } from "./theme";

const VIEWS: [view: View, name: string][] = [
  ["map", "Map"],
  ["services", "Services"],
  ["search", "Search"],
  ["live", "Live"],
];

const STATES = {
  connecting: "connecting",
  open: "live",
  lost: "connection lost",
} as const;

const THEME_SIGNS = { auto: "◐", dark: "☾", light: "☀" } as const;

function Connection() {
  const state = connection.value;
  return (
    <div class="connection">
      <span class={`state state-${state}`} role="status">
        <span class="dot" aria-hidden="true" />
        {STATES[state]}
      </span>
      {state === "lost" && (
        <button type="button" onClick={reconnect}>
          Reconnect
        </button>
      )}
    </div>
  );
}

export function Header({ view }: { view: View }) {
  return (
    <header class="header">
      <a class="brand" href="#/map">
        <img src="/icon.svg" alt="" width="20" height="20" />
        Sonde
      </a>
      <nav aria-label="Views">
        {VIEWS.map(([name, title]) => {
          const here = name === view || (name === "search" && view === "trace");
          return (
            <a key={name} href={`#/${name}`} aria-current={here ? "page" : undefined}>
              {title}
            </a>
          );
        })}
      </nav>
      <Store />
      <Connection />
      <div class="tools">
        <button
          type="button"
          class="plain"
          aria-label={`Theme: ${theme.value === "auto" ? "system" : theme.value}`}
          title="Theme (t)"
          onClick={nextTheme}
        >
          {THEME_SIGNS[theme.value]}
        </button>
        <button
          type="button"
          class="plain"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
          onClick={() => {
            helpOpen.value = true;
          }}
        >
          ?
        </button>
      </div>
    </header>
  );
}
