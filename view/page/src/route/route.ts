// Addresses of the page. They are in the fragment: the server has one page to serve, and a permalink survives the exchange
// of the token.

export type Route =
  | { view: "map"; parameters: URLSearchParams }
  | { view: "services"; parameters: URLSearchParams }
  | { view: "search"; parameters: URLSearchParams }
  | { view: "live"; parameters: URLSearchParams }
  | { view: "trace"; id: string; span: string | null; parameters: URLSearchParams }
  | { view: "unknown"; parameters: URLSearchParams };

export type View = Route["view"];

const TRACE_ID = /^[0-9a-f]{1,32}$/i;
const TRACE_ID_LENGTH = 32;

/** Reads the fragment of an address, with or without its `#`. */
export function parse(fragment: string): Route {
  const text = fragment.replace(/^#/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const parameters = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  const [, view = "", id = "", ...rest] = path.split("/");
  if (view === "trace" && TRACE_ID.test(id) && rest.length === 0) {
    const whole = id.toLowerCase().padStart(TRACE_ID_LENGTH, "0");
    return { view: "trace", id: whole, span: parameters.get("span"), parameters };
  }
  if (id !== "") return { view: "unknown", parameters };
  switch (view) {
    case "":
    case "map":
      return { view: "map", parameters };
    case "services":
    case "search":
    case "live":
      return { view, parameters };
    default:
      return { view: "unknown", parameters };
  }
}

/** The address of a view. */
export function address(view: "map" | "services" | "search" | "live", parameters?: URLSearchParams): string {
  const query = parameters?.toString() ?? "";
  return query === "" ? `#/${view}` : `#/${view}?${query}`;
}

/** The permalink of a trace, or of one of its spans. */
export function traceAddress(id: string, span?: string | null): string {
  return span ? `#/trace/${id}?span=${encodeURIComponent(span)}` : `#/trace/${id}`;
}
