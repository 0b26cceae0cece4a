// What the agent's store holds, in the header: how full it is, and whether anything was lost.

import { useEffect } from "preact/hooks";
import { status } from "../agent/api";
import { useResource } from "../agent/resource";
import type { Status } from "../agent/types";
import { count, whole } from "../text/format";

const EVERY_MS = 10_000;
const MEBIBYTE = 1_048_576;

function sum(counts: Record<string, number> | undefined): number {
  return Object.values(counts ?? {}).reduce((total, one) => total + one, 0);
}

function said(state: Status): string {
  const lines = [
    `Sonde ${state.version}`,
    `${whole(state.traces)} traces with ${whole(state.spans)} spans are kept`,
    `${whole(state.received)} spans were received`,
    `${whole(sum(state.evicted))} traces had to go`,
    ...Object.entries(state.lost ?? {})
      .filter(([, lost]) => lost > 0)
      .map(([reason, lost]) => `${whole(lost)} spans lost: ${reason}`),
  ];
  return lines.join("\n");
}

export function Store() {
  const { value, reload } = useResource("status", status, true);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  if (!value?.memory) return null;
  const lost = sum(value.lost);
  return (
    <span class="store" title={said(value)}>
      {count(value.traces)} traces · {Math.round(value.memory.used / MEBIBYTE)} of{" "}
      {Math.round(value.memory.limit / MEBIBYTE)} MiB
      {lost > 0 && <span class="bad"> · {count(lost)} spans lost</span>}
    </span>
  );
}
