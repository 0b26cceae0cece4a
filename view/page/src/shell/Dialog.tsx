// A modal dialog: the browser's own, which keeps the focus in and gives it back.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface Properties {
  open: boolean;
  title: string;
  /** Without it the dialog cannot be dismissed. */
  onClose?: () => void;
  children: ComponentChildren;
}

export function Dialog({ open, title, onClose, children }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) element.showModal();
    if (!open && element.open) element.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onClose={() => onClose?.()}
      onCancel={(event) => {
        if (!onClose) event.preventDefault();
      }}
    >
      <div class="dialog-head">
        <h2 id={heading}>{title}</h2>
        {onClose && (
          <button type="button" class="plain" aria-label="Close" onClick={onClose}>
            ✕
          </button>
        )}
      </div>
      {open && children}
    </dialog>
  );
}
