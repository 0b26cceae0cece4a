// A button that copies something and says whether it did.

import { useEffect, useState } from "preact/hooks";
import { copy } from "./copy";

const SAID_FOR_MS = 1_600;

interface Properties {
  /** What is copied, or what fetches it. */
  text: string | (() => Promise<string>);
  children: string;
  title?: string;
}

export function CopyButton({ text, children, title }: Properties) {
  const [said, say] = useState("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => say(""), SAID_FOR_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const act = async () => {
    try {
      const content = typeof text === "string" ? text : await text();
      say((await copy(content)) ? "copied" : "cannot copy");
    } catch (error) {
      say(error instanceof Error ? error.message : "cannot copy");
    }
  };
  return (
    <button type="button" class="copy" title={title ?? "Copy"} onClick={act}>
      {children}
      <span class="said" role="status">
        {said}
      </span>
    </button>
  );
}
