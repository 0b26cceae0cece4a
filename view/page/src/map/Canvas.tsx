// The drawing: services as boxes, calls as lines with their figures. It is panned and zoomed by pointer, wheel, two fingers
// and keys; services are dragged, or moved with Shift and the arrow keys.

import { useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { curves, labelPlaces } from "./curves";
import { Edge, EdgeLabel } from "./Edge";
import { useGestures } from "./gestures";
import { NodeBox } from "./NodeBox";
import { bends, graph, look, middle, places, resize, selected, showAll, viewport } from "./state";
import { pan, zoomAt } from "./viewport";

const PAN = 60;
const ZOOM = 1.2;
/** With more edges than this, figures are shown only of those that fail or are selected. */
const DENSE = 40;

const PANS: Record<string, [number, number]> = {
  ArrowLeft: [PAN, 0],
  ArrowRight: [-PAN, 0],
  ArrowUp: [0, PAN],
  ArrowDown: [0, -PAN],
};

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const by = PANS[event.key];
  if (by) look(pan(viewport.peek(), by[0], by[1]));
  else if (event.key === "+" || event.key === "=") look(zoomAt(viewport.peek(), ZOOM, middle()));
  else if (event.key === "-") look(zoomAt(viewport.peek(), 1 / ZOOM, middle()));
  else if (event.key === "0") showAll();
  else if (event.key === "Escape") selected.value = null;
  else return;
  event.preventDefault();
}

/** Whether something selected is what this touches. */
function touches(client: string, server: string, id: string): boolean | null {
  const current = selected.value;
  if (current === null) return null;
  if ("link" in current) return current.link === id;
  return current.node === client || current.node === server;
}

export function Canvas() {
  const box = useRef<HTMLDivElement>(null);
  useGestures(box);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => resize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const drawn = useComputed(() => {
    const { links } = graph.value;
    const lines = curves(links, places.value, bends.value);
    const labels = labelPlaces(lines, places.value.values());
    return links.flatMap((link) => {
      const [line, label] = [lines.get(link.id), labels.get(link.id)];
      return line && label ? [{ link, line, label }] : [];
    });
  });

  const { x, y, scale } = viewport.value;
  const { nodes, links } = graph.value;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div
      ref={box}
      class="map-canvas"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: keys pan and zoom it
      tabIndex={0}
      role="group"
      aria-label={`Map of ${nodes.length} services and ${links.length} edges. The button "As a table" shows the same as a table.`}
      onKeyDown={press}
    >
      <svg class={links.length > DENSE ? "map-svg dense" : "map-svg"} aria-hidden={nodes.length === 0}>
        <title>Service map</title>
        <g transform={`translate(${x} ${y}) scale(${scale})`}>
          {drawn.value.map(({ link, line }) => (
            <Edge key={link.id} link={link} line={line} lit={touches(link.client, link.server, link.id)} />
          ))}
          {nodes.map((node) => {
            const at = places.value.get(node.name);
            return at && <NodeBox key={node.name} node={node} at={at} />;
          })}
          {drawn.value.map(({ link, label }) => (
            <EdgeLabel key={link.id} link={link} at={label} lit={touches(link.client, link.server, link.id)} />
          ))}
        </g>
      </svg>
    </div>
  );
}
