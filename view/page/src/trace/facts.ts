// Sorts a span's attributes into what they are about, so that thirty of them can be read.

import type { Attribute } from "../otlp/decode";

export interface Group {
  title: string;
  attributes: Attribute[];
}

type Rule = readonly [title: string, prefixes: readonly string[]];

const SPAN: Rule[] = [
  ["Error", ["error.", "exception."]],
  ["Request", ["http.", "url.", "rpc.", "db.", "messaging.", "graphql.", "user_agent.", "tls."]],
  ["Network", ["network.", "server.", "client.", "source.", "destination.", "peer.", "net."]],
];

const RESOURCE: Rule[] = [
  ["Service", ["service.", "deployment.", "telemetry."]],
  ["Process", ["process."]],
  ["Machine", ["host.", "os.", "container.", "k8s.", "cloud.", "oci."]],
];

const OTHER_SPAN = "Other attributes";
const OTHER_RESOURCE = "Other of the resource";

function sort(attributes: Attribute[], rules: Rule[], other: string): Group[] {
  const groups: Group[] = [...rules.map(([title]) => ({ title, attributes: [] as Attribute[] }))];
  const rest: Group = { title: other, attributes: [] };
  for (const attribute of attributes) {
    const index = rules.findIndex(([, prefixes]) => prefixes.some((prefix) => attribute.key.startsWith(prefix)));
    (groups[index] ?? rest).attributes.push(attribute);
  }
  const found = [...groups, rest].filter((group) => group.attributes.length > 0);
  for (const group of found) group.attributes.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return found;
}

/** Groups of a span's own attributes. */
export function spanFacts(attributes: Attribute[]): Group[] {
  return sort(attributes, SPAN, OTHER_SPAN);
}

/** Groups of the attributes of its resource: service, process, machine. */
export function resourceFacts(attributes: Attribute[]): Group[] {
  return sort(attributes, RESOURCE, OTHER_RESOURCE);
}
