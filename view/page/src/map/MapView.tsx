// The service map: drawn, or as a table of the same.

import { useEffect } from "preact/hooks";
import { useOverview } from "../agent/overview";
import { replace } from "../route/navigate";
import { address } from "../route/route";
import { WindowSelect, windowOf } from "../shell/WindowSelect";
import { whole } from "../text/format";
import { Canvas } from "./Canvas";
import { EdgeTable } from "./EdgeTable";
import { Panel } from "./Panel";
import { anyMoved, graph, look, middle, resetPlaces, selected, showAll, take, viewport } from "./state";
import { zoomAt } from "./viewport";

const ZOOM = 1.3;

function Tools() {
  const zoom = (factor: number) => look(zoomAt(viewport.peek(), factor, middle()));
  return (
    <span class="group">
      <button type="button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoom(ZOOM)}>
        +
      </button>
      <button type="button" aria-label="Zoom out" title="Zoom out (−)" onClick={() => zoom(1 / ZOOM)}>
        −
      </button>
      <button type="button" title="Show everything (0)" onClick={showAll}>
        Fit
      </button>
      {anyMoved.value && (
        <button type="button" title="Put all services where the layout has them" onClick={resetPlaces}>
          Reset
        </button>
      )}
    </span>
  );
}

export function MapView({ parameters }: { parameters: URLSearchParams }) {
  const window = windowOf(parameters);
  const overview = useOverview(window);
  const asTable = parameters.get("as") === "table";
  useEffect(() => {
    if (overview) take(overview);
  }, [overview]);

  const toggle = () => {
    const changed = new URLSearchParams(parameters);
    if (asTable) changed.delete("as");
    else changed.set("as", "table");
    replace(address("map", changed));
  };

  const { nodes, links } = graph.value;
  const empty = nodes.length === 0;
  return (
    <div class="map">
      <div class="toolbar">
        <h1>Service map</h1>
        <WindowSelect view="map" parameters={parameters} />
        <button type="button" aria-pressed={asTable} onClick={toggle}>
          As a table
        </button>
        {!asTable && !empty && <Tools />}
        <span class="faint counts">{empty ? "" : `${whole(nodes.length)} services, ${whole(links.length)} edges`}</span>
      </div>
      {empty && <p class="notice">{overview ? "No requests in this time." : "Waiting for the agent…"}</p>}
      {!empty && asTable && <EdgeTable graph={graph.value} />}
      {!empty && !asTable && (
        <div class="map-area">
          <Canvas />
          {selected.value && <Panel />}
        </div>
      )}
    </div>
  );
}
