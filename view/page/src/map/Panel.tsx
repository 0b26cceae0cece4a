// What is known of the selected service or edge, and the way to its traces.

import type { Red } from "../agent/types";
import { asking, format } from "../route/query";
import { address } from "../route/route";
import { serviceClass } from "../text/colour";
import { milliseconds, percent, rate } from "../text/format";
import { Name } from "../text/Text";
import type { Link, Node } from "./graph";
import { severity } from "./severity";
import { graph, selected } from "./state";

function Figures({ red }: { red: Red }) {
  return (
    <dl class="figures">
      <div>
        <dt>Requests</dt>
        <dd>{rate(red.requests_per_second)}</dd>
      </div>
      <div>
        <dt>Errors</dt>
        <dd class={severity(red.error_ratio)}>{percent(red.error_ratio)}</dd>
      </div>
      <div>
        <dt>p50</dt>
        <dd>{milliseconds(red.p50_ms)}</dd>
      </div>
      <div>
        <dt>p95</dt>
        <dd>{milliseconds(red.p95_ms)}</dd>
      </div>
    </dl>
  );
}

function Searches({ service }: { service: string }) {
  const to = (wanted: Parameters<typeof asking>[0]) => address("search", format(asking({ service, ...wanted })));
  return (
    <p class="actions">
      <a href={to({})}>Traces</a>
      <a href={to({ errors: true })}>With errors</a>
    </p>
  );
}

function Neighbours({ title, links, end }: { title: string; links: Link[]; end: "client" | "server" }) {
  if (links.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul class="neighbours">
        {links.map((link) => (
          <li key={link.id}>
            <button
              type="button"
              class={`link service-name ${serviceClass(link[end])}`}
              onClick={() => {
                selected.value = { node: link[end] };
              }}
            >
              <Name text={link[end]} length={40} />
            </button>
            <span class="faint">
              {rate(link.requests_per_second)}, {percent(link.error_ratio)}, p95 {milliseconds(link.p95_ms)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function about(node: Node): string {
  if (node.external) return "outside of what is observed";
  if (node.calls) return "calls others, was not called in this time";
  return node.idle ? "idle in this time" : "service";
}

function NodePanel({ node }: { node: Node }) {
  const { links } = graph.value;
  return (
    <>
      <h2 class={`service-name ${serviceClass(node.name)}`}>
        <Name text={node.name} length={80} />
      </h2>
      <p class="faint">{about(node)}</p>
      <Figures red={node} />
      {!node.external && <Searches service={node.name} />}
      <Neighbours title="Called by" links={links.filter((link) => link.server === node.name)} end="client" />
      <Neighbours title="Calls" links={links.filter((link) => link.client === node.name)} end="server" />
    </>
  );
}

function LinkPanel({ link }: { link: Link }) {
  return (
    <>
      <h2>
        <Name text={link.client} length={60} /> → <Name text={link.server} length={60} />
      </h2>
      <p class="faint">{link.idle ? "idle in this time" : "calls along this edge"}</p>
      <Figures red={link} />
      <Searches service={link.external ? link.client : link.server} />
    </>
  );
}

export function Panel() {
  const current = selected.value;
  if (current === null) return null;
  const node = "node" in current ? graph.value.nodes.find((one) => one.name === current.node) : undefined;
  const link = "link" in current ? graph.value.links.find((one) => one.id === current.link) : undefined;
  return (
    <aside class="panel" aria-label="Selected on the map">
      <button
        type="button"
        class="plain close"
        aria-label="Close"
        onClick={() => {
          selected.value = null;
        }}
      >
        ✕
      </button>
      {node && <NodePanel node={node} />}
      {link && <LinkPanel link={link} />}
    </aside>
  );
}
