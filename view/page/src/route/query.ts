// A search as the form, the address and the API have it. The address uses the API's own names, so that one can be pasted
// into the other; `last` alone is the page's: a window that ends now.

export interface Query {
  service: string;
  operation: string;
  minMs: number | null;
  maxMs: number | null;
  errors: boolean;
  status: string;
  attributes: string[];
  /** Seconds before now; `null` where `startMs` and `endMs` hold, or all times. */
  last: number | null;
  startMs: number | null;
  endMs: number | null;
  limit: number;
}

export const LIMIT = 50;
export const LIMIT_MAX = 1_000;

export const EMPTY: Query = {
  service: "",
  operation: "",
  minMs: null,
  maxMs: null,
  errors: false,
  status: "",
  attributes: [],
  last: null,
  startMs: null,
  endMs: null,
  limit: LIMIT,
};

function number(text: string | null): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/** Reads a query; what is not understood is as if it were not there. */
export function parse(parameters: URLSearchParams): Query {
  const limit = number(parameters.get("limit"));
  return {
    service: parameters.get("service") ?? "",
    operation: parameters.get("operation") ?? "",
    minMs: number(parameters.get("min_ms")),
    maxMs: number(parameters.get("max_ms")),
    errors: parameters.get("errors") === "true",
    status: parameters.get("status") ?? "",
    attributes: parameters.getAll("attribute").filter((text) => text.indexOf("=") > 0),
    last: number(parameters.get("last")),
    startMs: number(parameters.get("start_ms")),
    endMs: number(parameters.get("end_ms")),
    limit: limit === null || limit < 1 ? LIMIT : Math.min(Math.floor(limit), LIMIT_MAX),
  };
}

function common(query: Query): URLSearchParams {
  const parameters = new URLSearchParams();
  const put = (name: string, value: string | number | null) => {
    if (value !== null && value !== "") parameters.append(name, String(value));
  };
  put("service", query.service);
  put("operation", query.operation);
  put("min_ms", query.minMs);
  put("max_ms", query.maxMs);
  if (query.errors) parameters.append("errors", "true");
  put("status", query.status);
  for (const attribute of query.attributes) parameters.append("attribute", attribute);
  return parameters;
}

/** The query for the address; defaults are left out. */
export function format(query: Query): URLSearchParams {
  const parameters = common(query);
  if (query.last !== null) parameters.append("last", String(query.last));
  if (query.startMs !== null) parameters.append("start_ms", String(query.startMs));
  if (query.endMs !== null) parameters.append("end_ms", String(query.endMs));
  if (query.limit !== LIMIT) parameters.append("limit", String(query.limit));
  return parameters;
}

/** The query for the API, at this moment. */
export function forApi(query: Query, now: number): URLSearchParams {
  const parameters = common(query);
  const start = query.last === null ? query.startMs : now - query.last * 1_000;
  if (start !== null) parameters.append("start_ms", String(Math.floor(start)));
  if (query.last === null && query.endMs !== null) parameters.append("end_ms", String(query.endMs));
  parameters.append("limit", String(query.limit));
  return parameters;
}

/** A query that asks for these things only. */
export function asking(wanted: Partial<Query>): Query {
  return { ...EMPTY, ...wanted };
}
