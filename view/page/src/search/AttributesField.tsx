// Conditions on attributes, one `key=value` each.

import { label } from "../text/visible";

interface Properties {
  attributes: string[];
  /** What is being typed. */
  pending: string;
  onPending: (text: string) => void;
  onChange: (attributes: string[]) => void;
}

export function AttributesField({ attributes, pending, onPending, onChange }: Properties) {
  const complete = pending.indexOf("=") > 0;
  const add = () => {
    if (complete) onChange([...attributes, pending.trim()]);
  };
  return (
    <fieldset>
      <legend>Attributes</legend>
      <div class="pair grow">
        <input
          aria-label="Attribute as key=value"
          placeholder="http.route=/orders/{id}"
          autocomplete="off"
          spellcheck={false}
          value={pending}
          onInput={(event) => onPending(event.currentTarget.value)}
        />
        <button type="button" disabled={!complete} onClick={add}>
          Add
        </button>
      </div>
      {attributes.length > 0 && (
        <ul class="conditions">
          {attributes.map((attribute, number) => (
            <li key={attribute}>
              <code>{label(attribute, 120)}</code>
              <button
                type="button"
                class="plain"
                aria-label={`Remove the condition ${label(attribute, 60)}`}
                onClick={() => onChange(attributes.filter((_, other) => other !== number))}
              >
                ✕
              </button>
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}
