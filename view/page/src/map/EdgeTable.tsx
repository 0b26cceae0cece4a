// The map as tables.

import { asking, format } from "../route/query";
import { address } from "../route/route";
import { serviceClass } from "../text/colour";
import { milliseconds, percent, rate } from "../text/format";
import { Name } from "../text/Text";
import type { Graph } from "./graph";
import { severity } from "./severity";

const HEADINGS = ["Requests", "Errors", "p50", "p95"];

function Service({ name }: { name: string }) {
  return (
    <a class={`service-name ${serviceClass(name)}`} href={address("search", format(asking({ service: name })))}>
      <Name text={name} length={60} />
    </a>
  );
}

export function EdgeTable({ graph }: { graph: Graph }) {
  const links = [...graph.links].sort(
    (a, b) => b.requests_per_second - a.requests_per_second || (a.id < b.id ? -1 : 1),
  );
  const called = new Set(links.flatMap((link) => [link.client, link.server]));
  const alone = graph.nodes.filter((node) => !called.has(node.name));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="table-box" tabIndex={0} aria-label="Edges of the map">
      <table class="edges-table">
        <caption class="off-screen">Who calls whom</caption>
        <thead>
          <tr>
            <th scope="col">Client</th>
            <th scope="col">Server</th>
            {HEADINGS.map((heading) => (
              <th key={heading} scope="col" class="number">
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {links.map((link) => (
            <tr key={link.id} class={link.idle ? "faint" : ""}>
              <td>
                <Service name={link.client} />
              </td>
              <td>
                <Service name={link.server} />
                {link.external && <span class="tag">external</span>}
              </td>
              <td class="number">{rate(link.requests_per_second)}</td>
              <td class={`number ${severity(link.error_ratio)}`}>{percent(link.error_ratio)}</td>
              <td class="number">{milliseconds(link.p50_ms)}</td>
              <td class="number">{milliseconds(link.p95_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {alone.length > 0 && (
        <p class="beside">
          Without edges:{" "}
          {alone.map((node) => (
            <span key={node.name}>
              <Service name={node.name} />{" "}
            </span>
          ))}
        </p>
      )}
    </section>
  );
}
