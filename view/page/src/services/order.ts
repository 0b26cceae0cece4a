// Orders of the services table.

import type { Service } from "../agent/types";

export type Column = "name" | "requests_per_second" | "error_ratio" | "p50_ms" | "p95_ms";

export interface Order {
  column: Column;
  ascending: boolean;
}

/** The first order of a column: names from A, numbers from the largest. */
export function next(order: Order, column: Column): Order {
  if (order.column === column) return { column, ascending: !order.ascending };
  return { column, ascending: column === "name" };
}

/** Services in this order, by name where they are equal. */
export function sorted(services: Service[], { column, ascending }: Order): Service[] {
  const sign = ascending ? 1 : -1;
  const byName = (a: Service, b: Service) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return [...services].sort((a, b) => {
    if (column === "name") return sign * byName(a, b);
    return sign * ((a[column] ?? -1) - (b[column] ?? -1)) || byName(a, b);
  });
}
