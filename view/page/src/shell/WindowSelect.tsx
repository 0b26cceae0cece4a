// Chooses over how long the overview counts; the address holds it.

import { DEFAULT_WINDOW, WINDOWS } from "../agent/overview";
import { replace } from "../route/navigate";
import { address } from "../route/route";

/** The window that the address names. */
export function windowOf(parameters: URLSearchParams): number {
  const wanted = Number(parameters.get("window"));
  return WINDOWS.some(([seconds]) => seconds === wanted) ? wanted : DEFAULT_WINDOW;
}

interface Properties {
  view: "map" | "services";
  parameters: URLSearchParams;
}

export function WindowSelect({ view, parameters }: Properties) {
  const choose = (seconds: string) => {
    const changed = new URLSearchParams(parameters);
    changed.set("window", seconds);
    replace(address(view, changed));
  };
  return (
    <label class="window">
      over{" "}
      <select value={String(windowOf(parameters))} onChange={(event) => choose(event.currentTarget.value)}>
        {WINDOWS.map(([seconds, name]) => (
          <option key={seconds} value={String(seconds)}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
