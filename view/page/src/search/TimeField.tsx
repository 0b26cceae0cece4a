// The time window of a search: the last so many minutes, or from here to there.

import type { Query } from "../route/query";
import { fromLocal, toLocal } from "./local";

const LAST: [seconds: number, name: string][] = [
  [60, "last minute"],
  [300, "last 5 minutes"],
  [900, "last 15 minutes"],
  [3_600, "last hour"],
  [21_600, "last 6 hours"],
  [86_400, "last day"],
];
const ANY = "any";
const CUSTOM = "custom";
const CUSTOM_MS = 900_000;

interface Properties {
  query: Query;
  onChange: (changed: Partial<Query>) => void;
}

export function TimeField({ query, onChange }: Properties) {
  const custom = query.last === null && (query.startMs !== null || query.endMs !== null);
  const value = custom ? CUSTOM : query.last === null ? ANY : String(query.last);
  const known = LAST.some(([seconds]) => seconds === query.last);

  const choose = (chosen: string) => {
    if (chosen === CUSTOM) {
      const now = Date.now();
      onChange({ last: null, startMs: now - CUSTOM_MS, endMs: now });
    } else {
      onChange({ last: chosen === ANY ? null : Number(chosen), startMs: null, endMs: null });
    }
  };

  return (
    <fieldset>
      <legend>Time</legend>
      <select aria-label="Time" value={value} onChange={(event) => choose(event.currentTarget.value)}>
        <option value={ANY}>any</option>
        {LAST.map(([seconds, name]) => (
          <option key={seconds} value={String(seconds)}>
            {name}
          </option>
        ))}
        {query.last !== null && !known && <option value={String(query.last)}>last {query.last} s</option>}
        <option value={CUSTOM}>from … to …</option>
      </select>
      {custom && (
        <div class="times">
          <input
            type="datetime-local"
            aria-label="From"
            step="1"
            value={toLocal(query.startMs)}
            onInput={(event) => onChange({ startMs: fromLocal(event.currentTarget.value) })}
          />
          <input
            type="datetime-local"
            aria-label="To"
            step="1"
            value={toLocal(query.endMs)}
            onInput={(event) => onChange({ endMs: fromLocal(event.currentTarget.value) })}
          />
        </div>
      )}
    </fieldset>
  );
}
