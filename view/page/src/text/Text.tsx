// Text that came from a request, as text nodes only: isolated from the direction of its surroundings, invisible characters
// shown, and cut where it is long, with a button for the rest.

import { useState } from "preact/hooks";
import { whole } from "./format";
import { CUT, cut, label, visible, visibleLines } from "./visible";

/** A name in one line; the whole of it in the tooltip. */
export function Name({ text, length = 200 }: { text: string; length?: number }) {
  return <bdi title={label(text, 1_000)}>{label(text, length)}</bdi>;
}

/** A dotted name, which may break after its dots and underscores. */
export function Key({ text }: { text: string }) {
  const parts = label(text, 120).split(/(?<=[._/])/);
  return (
    <bdi title={label(text, 1_000)}>
      {parts.flatMap((part, number) => (number === 0 ? [part] : [<wbr key={number} />, part]))}
    </bdi>
  );
}

/** A value of any length. */
export function Value({ text }: { text: string }) {
  const [whether, showAll] = useState(false);
  if (text === "") return <span class="faint">(empty)</span>;
  const shown = whether ? text : cut(text);
  return (
    <>
      <bdi class="value">{text.includes("\n") ? visibleLines(shown) : visible(shown)}</bdi>
      {text.length > CUT && (
        <button type="button" class="link" onClick={() => showAll(!whether)}>
          {whether ? "show less" : `… show all ${whole(text.length)} characters`}
        </button>
      )}
    </>
  );
}
