// The current route as a signal, and ways to change it.

import { computed, signal } from "@preact/signals";
import { parse } from "./route";

const fragment = signal(location.hash);

/** Where the page is. */
export const route = computed(() => parse(fragment.value));

addEventListener("hashchange", () => {
  fragment.value = location.hash;
});

/** Goes to an address, as a new step of the history. */
export function go(address: string): void {
  location.hash = address;
}

/** Changes the address without a new step of the history. */
export function replace(address: string): void {
  history.replaceState(history.state, "", address);
  fragment.value = address;
}
