// Numbers for people. Three significant digits, units that stay short, no locale: the same number looks the same everywhere.

const MICROSECONDS = 1;
const MILLISECONDS = 1_000;
const SECONDS = 1_000_000;
const MINUTES = 60 * SECONDS;
const HOURS = 60 * MINUTES;

/** Three significant digits, without zeros that say nothing. */
function significant(value: number): string {
  if (value >= 100) return Math.round(value).toString();
  return Number.parseFloat(value.toPrecision(3)).toString();
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}

/** A duration given in microseconds: `12.3 ms`. */
export function duration(microseconds: number): string {
  const value = Math.max(0, microseconds);
  if (value < MILLISECONDS) return `${significant(value / MICROSECONDS)} µs`;
  if (value < 999.5 * MILLISECONDS) return `${significant(value / MILLISECONDS)} ms`;
  if (value < MINUTES) return `${significant(value / SECONDS)} s`;
  if (value < HOURS) return `${Math.floor(value / MINUTES)} min ${two(Math.floor((value % MINUTES) / SECONDS))} s`;
  return `${Math.floor(value / HOURS)} h ${two(Math.floor((value % HOURS) / MINUTES))} min`;
}

/** A duration given in milliseconds, `–` if there is none. */
export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return duration(value * MILLISECONDS);
}

/** A rate: `12.3/s`. */
export function rate(perSecond: number): string {
  if (perSecond <= 0) return "0/s";
  if (perSecond < 0.01) return "<0.01/s";
  return `${count(perSecond)}/s`;
}

/** A count that stays short: `1.2k`. */
export function count(value: number): string {
  if (value < 1_000) return significant(value);
  if (value < 999_500) return `${significant(value / 1_000)}k`;
  return `${significant(value / 1_000_000)}M`;
}

/** A share of one as per cent. */
export function percent(share: number): string {
  const value = share * 100;
  if (value <= 0) return "0 %";
  if (value < 0.1) return "<0.1 %";
  if (value > 99.9 && value < 100) return ">99.9 %";
  return `${significant(value)} %`;
}

/** Bytes or characters with separators between thousands. */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Time of day of a Unix time in milliseconds, in the reader's zone: `14:03:07.123`. */
export function clock(unixMilliseconds: number): string {
  const date = new Date(unixMilliseconds);
  if (Number.isNaN(date.getTime())) return "–";
  const thousandths = date.getMilliseconds().toString().padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${thousandths}`;
}

/** Date and time of a Unix time in milliseconds, in the reader's zone. */
export function dateTime(unixMilliseconds: number): string {
  const date = new Date(unixMilliseconds);
  if (Number.isNaN(date.getTime())) return "–";
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(unixMilliseconds)}`;
}

const DURATION = /^\s*(\d+(?:[.,]\d+)?)\s*(us|µs|ms|s|min|m|h)?\s*$/i;
const UNITS: Record<string, number> = { us: 0.001, µs: 0.001, ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as typed: `250`, `250ms`, `1.5 s`; `null` if it is none. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (!match) return null;
  const unit = UNITS[(match[2] ?? "ms").toLowerCase()] ?? 1;
  return Number.parseFloat((match[1] ?? "").replace(",", ".")) * unit;
}

/** What `parseDuration` reads back as the same number of milliseconds. */
export function typedDuration(value: number): string {
  if (value >= 1_000 && value % 100 === 0) return `${value / 1_000}s`;
  return value < 1 ? `${value * 1_000}us` : `${value}ms`;
}
