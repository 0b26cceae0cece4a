// Dark or light: what the system prefers, unless the reader has chosen.

import { effect, signal } from "@preact/signals";

export type Theme = "auto" | "dark" | "light";

const KEY = "sonde.theme";
const THEMES: Theme[] = ["auto", "dark", "light"];

function stored(): Theme {
  try {
    const found = localStorage.getItem(KEY) as Theme | null;
    return found && THEMES.includes(found) ? found : "auto";
  } catch {
    return "auto";
  }
}

/** What the reader has chosen. */
export const theme = signal<Theme>(stored());

/** Counts changes of what is in force, for what is drawn with colours that were read. */
export const themeChanges = signal(0);

/** Keeps the document in step with the choice. */
export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    try {
      localStorage.setItem(KEY, theme.value);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    themeChanges.value = themeChanges.peek() + 1;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    themeChanges.value++;
  });
}

/** The next of the three choices. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "auto";
}
