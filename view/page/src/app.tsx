// The frame of the page and the view that the address names.

import { useEffect } from "preact/hooks";
import { Token } from "./agent/Token";
import { MapView } from "./map/MapView";
import { route } from "./route/navigate";
import { SearchView } from "./search/SearchView";
import { ServicesView } from "./services/ServicesView";
import { Header } from "./shell/Header";
import { Help } from "./shell/Help";
import { useShortcuts } from "./shell/shortcuts";
import { TailView } from "./tail/TailView";
import { TraceView } from "./trace/TraceView";

const TITLES = {
  map: "Map",
  services: "Services",
  search: "Search",
  live: "Live",
  trace: "Trace",
  unknown: "Not found",
} as const;

function View() {
  const current = route.value;
  switch (current.view) {
    case "map":
      return <MapView parameters={current.parameters} />;
    case "services":
      return <ServicesView parameters={current.parameters} />;
    case "search":
      return <SearchView parameters={current.parameters} />;
    case "live":
      return <TailView />;
    case "trace":
      return <TraceView key={current.id} id={current.id} span={current.span} />;
    default:
      return (
        <div class="notice">
          <h1>There is no such view</h1>
          <p>
            <a href="#/map">To the service map</a>
          </p>
        </div>
      );
  }
}

export function App() {
  useShortcuts();
  const { view } = route.value;
  useEffect(() => {
    document.title = `${TITLES[view]} · Sonde`;
  }, [view]);
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <Header view={view} />
      <main id="main" tabIndex={-1} class={`view view-${view}`}>
        <View />
      </main>
      <Help />
      <Token />
    </>
  );
}

/** A link would change the fragment, which is the route's. */
function skip(): void {
  document.getElementById("main")?.focus();
}
