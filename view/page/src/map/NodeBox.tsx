// A service on the map.

import { serviceClass } from "../text/colour";
import { milliseconds, percent, rate } from "../text/format";
import { label } from "../text/visible";
import type { Node } from "./graph";
import { NODE_HEIGHT, NODE_WIDTH, type Point } from "./layout";
import { severity } from "./severity";
import { move, neighbour, places, selected } from "./state";

const STEP = 20;
const NAME_LENGTH = 20;

const DIRECTIONS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function focusNode(name: string): void {
  document.querySelector<SVGElement>(`[data-node="${CSS.escape(name)}"]`)?.focus();
}

function press(event: KeyboardEvent, name: string): void {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    selected.value = { node: name };
    return;
  }
  const direction = DIRECTIONS[event.key];
  if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const at = places.peek().get(name);
  if (event.shiftKey && at) {
    move(name, { x: at.x + direction[0] * STEP, y: at.y + direction[1] * STEP });
    return;
  }
  const next = neighbour(name, direction[0], direction[1]);
  if (next !== null) focusNode(next);
}

/** The second line of the box. */
function figures(node: Node): string {
  if (node.calls) return "calls only";
  return node.idle ? "idle" : `${rate(node.requests_per_second)} ${percent(node.error_ratio)} errors`;
}

/** Begins with what is seen, so that it can be asked for by voice. */
function said(node: Node): string {
  const rest = [node.idle || node.calls ? "" : `p95 ${milliseconds(node.p95_ms)}`, node.external ? "external" : ""];
  const short = label(node.name, NAME_LENGTH);
  const whole = label(node.name, 80);
  return [`${short} ${figures(node)}`, ...rest, short === whole ? "" : whole].filter(Boolean).join(", ");
}

export function NodeBox({ node, at }: { node: Node; at: Point }) {
  const current = selected.value;
  const isSelected = current !== null && "node" in current && current.node === node.name;
  const classes = ["node", serviceClass(node.name), severity(node.error_ratio)];
  if (isSelected) classes.push("selected");
  if (node.external) classes.push("external");
  if (node.idle) classes.push("idle");
  const [left, top] = [-NODE_WIDTH / 2, -NODE_HEIGHT / 2];
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in SVG
    <g
      class={classes.join(" ")}
      transform={`translate(${at.x} ${at.y})`}
      data-node={node.name}
      tabindex={0}
      role="button"
      aria-pressed={isSelected}
      onKeyDown={(event) => press(event, node.name)}
    >
      <title>{said(node)}</title>
      <rect class="node-box" x={left} y={top} width={NODE_WIDTH} height={NODE_HEIGHT} rx="6" />
      <rect class="node-stripe" x={left} y={top + 6} width="4" height={NODE_HEIGHT - 12} />
      <svg x={left + 10} y={top} width={NODE_WIDTH - 16} height={NODE_HEIGHT} aria-hidden="true">
        <text class="node-name" x="2" y="19">
          {label(node.name, NAME_LENGTH)}
        </text>{" "}
        <text class="node-figures" x="2" y="37">
          {figures(node)}
        </text>
      </svg>
    </g>
  );
}
