// A small line of numbers over time. Its text alternative says what the line says: least, most and last.

interface Properties {
  values: (number | null)[];
  /** What it shows, and how a number of it is written. */
  name: string;
  write: (value: number) => string;
  kind: "requests" | "errors" | "duration";
}

const WIDTH = 110;
const HEIGHT = 22;

/** Points of the line, with gaps where there is no number. */
export function path(values: (number | null)[], width: number, height: number): string {
  const most = Math.max(...values.map((value) => value ?? 0), 0);
  const step = width / Math.max(values.length - 1, 1);
  let drawing = false;
  let result = "";
  values.forEach((value, number) => {
    if (value === null || !Number.isFinite(value)) {
      drawing = false;
      return;
    }
    const y = most > 0 ? height - (value / most) * height : height;
    const at = `${(number * step).toFixed(1)} ${y.toFixed(1)}`;
    // The line of no length is seen as a dot where there is no next point.
    result += drawing ? `L${at}` : `M${at}h0`;
    drawing = true;
  });
  return result;
}

export function Sparkline({ values, name, write, kind }: Properties) {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const said =
    known.length === 0
      ? `${name}: no data`
      : `${name}: ${write(Math.min(...known))} to ${write(Math.max(...known))}, last ${write(known.at(-1) ?? 0)}`;
  return (
    <svg class={`sparkline ${kind}`} viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} role="img" aria-label={said}>
      <title>{said}</title>
      <path d={path(values, WIDTH, HEIGHT)} />
    </svg>
  );
}
