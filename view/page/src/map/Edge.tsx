// The calls from one service to another: a line as thick as they are many, and a label with their figures.

import { milliseconds, percent, rate } from "../text/format";
import { label } from "../text/visible";
import { ARROW, type Curve, LABEL_HEIGHT, LABEL_WIDTH, pointAt, svgPath } from "./curves";
import type { Link } from "./graph";
import type { Point } from "./layout";
import { severity } from "./severity";
import { selected } from "./state";

const WIDTH_MIN = 1.2;
const WIDTH_MAX = 6;
const ARROW_HALF = 4.5;

/** Width of a line, by the logarithm of its rate. */
export function width(requestsPerSecond: number): number {
  return Math.min(WIDTH_MIN + Math.log10(1 + requestsPerSecond) * 1.5, WIDTH_MAX);
}

function classes(base: string, link: Link, lit: boolean | null): string {
  const found = [base, severity(link.error_ratio)];
  if (link.idle) found.push("idle");
  if (lit !== null) found.push(lit ? "lit" : "dim");
  return found.join(" ");
}

/** The arrow's head, along the end of the line. */
function arrow(line: Curve): string {
  const end = pointAt(line, 1);
  const before = pointAt(line, 1 - 0.03 / line.length);
  const length = Math.hypot(end.x - before.x, end.y - before.y) || 1;
  const [x, y] = [(end.x - before.x) / length, (end.y - before.y) / length];
  const at = (along: number, aside: number) =>
    `${(end.x + x * along - y * aside).toFixed(1)},${(end.y + y * along + x * aside).toFixed(1)}`;
  return [at(ARROW, 0), at(0, ARROW_HALF), at(0, -ARROW_HALF)].join(" ");
}

export function Edge({ link, line, lit }: { link: Link; line: Curve; lit: boolean | null }) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: it cannot have the focus, its label can
    <g class={classes("edge", link, lit)} data-link={link.id} aria-hidden="true">
      <path class="edge-target" d={svgPath(line)} />
      <path class="edge-line" d={svgPath(line)} stroke-width={width(link.requests_per_second)} />
      <polygon class="edge-arrow" points={arrow(line)} />
    </g>
  );
}

function said(link: Link): string {
  const ends = `${label(link.client, 80)} calls ${label(link.server, 80)}`;
  if (link.idle) return `${ends}: idle`;
  const times = `p50 ${milliseconds(link.p50_ms)} p95 ${milliseconds(link.p95_ms)}`;
  return `${ends}: ${rate(link.requests_per_second)} ${percent(link.error_ratio)} ${times} (requests, errors, durations)`;
}

export function EdgeLabel({ link, at, lit }: { link: Link; at: Point; lit: boolean | null }) {
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    selected.value = { link: link.id };
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in SVG
    <g
      class={classes("edge-label", link, lit)}
      transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`}
      data-link={link.id}
      tabindex={0}
      role="button"
      onKeyDown={press}
    >
      <title>{said(link)}</title>
      <rect x={-LABEL_WIDTH / 2} y={-LABEL_HEIGHT / 2} width={LABEL_WIDTH} height={LABEL_HEIGHT} rx="4" />
      {link.idle ? (
        <text y="4">idle</text>
      ) : (
        <>
          <text y="-3">
            {rate(link.requests_per_second)}{" "}
            <tspan class="edge-errors" dx="3">
              {percent(link.error_ratio)}
            </tspan>
          </text>{" "}
          <text y="11" class="edge-times">
            p50 {milliseconds(link.p50_ms)} p95 {milliseconds(link.p95_ms)}
          </text>
        </>
      )}
    </g>
  );
}
