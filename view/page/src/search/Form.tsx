// The form of a search. It is submitted as a whole: no request per key.

import { useEffect, useState } from "preact/hooks";
import { operations, services } from "../agent/api";
import { useResource } from "../agent/resource";
import { EMPTY, LIMIT_MAX, type Query } from "../route/query";
import { FIRST_FIELD, fieldWanted } from "../shell/shortcuts";
import { parseDuration, typedDuration } from "../text/format";
import { label } from "../text/visible";
import { AttributesField } from "./AttributesField";
import { TimeField } from "./TimeField";

interface Properties {
  query: Query;
  onSubmit: (query: Query) => void;
}

/** What is in the fields, before it is understood. */
interface Draft {
  query: Query;
  minimum: string;
  maximum: string;
  attribute: string;
}

function draftOf(query: Query): Draft {
  const typed = (value: number | null) => (value === null ? "" : typedDuration(value));
  return { query, minimum: typed(query.minMs), maximum: typed(query.maxMs), attribute: "" };
}

function bad(text: string): boolean {
  return text.trim() !== "" && parseDuration(text) === null;
}

export function Form({ query, onSubmit }: Properties) {
  const [draft, setDraft] = useState(() => draftOf(query));
  const known = useResource("services", services);
  const service = draft.query.service;
  const names = useResource(`operations ${service}`, (abort) =>
    service === "" ? Promise.resolve([]) : operations(service, abort),
  );
  const change = (changed: Partial<Query>) => setDraft((old) => ({ ...old, query: { ...old.query, ...changed } }));

  const submit = (event: Event) => {
    event.preventDefault();
    if (bad(draft.minimum) || bad(draft.maximum)) return;
    const pending = draft.attribute.indexOf("=") > 0 ? [draft.attribute.trim()] : [];
    onSubmit({
      ...draft.query,
      minMs: parseDuration(draft.minimum),
      maxMs: parseDuration(draft.maximum),
      attributes: [...draft.query.attributes, ...pending],
    });
  };

  const wanted = fieldWanted.value;
  useEffect(() => {
    if (!wanted) return;
    fieldWanted.value = false;
    document.getElementById(FIRST_FIELD)?.focus();
  }, [wanted]);

  const offered = known.value ?? [];
  const options = service === "" || offered.includes(service) ? offered : [service, ...offered];
  return (
    <search>
      <form onSubmit={submit}>
        <label for={FIRST_FIELD}>Service</label>
        <select
          id={FIRST_FIELD}
          value={service}
          onChange={(event) => change({ service: event.currentTarget.value, operation: "" })}
        >
          <option value="">any</option>
          {options.map((name) => (
            <option key={name} value={name}>
              {label(name, 80)}
            </option>
          ))}
        </select>

        <label for="search-operation">Operation</label>
        <input
          id="search-operation"
          list="search-operations"
          autocomplete="off"
          placeholder="any"
          value={draft.query.operation}
          onInput={(event) => change({ operation: event.currentTarget.value })}
        />
        <datalist id="search-operations">
          {(names.value ?? []).map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>

        <fieldset>
          <legend>Duration</legend>
          <div class="pair">
            <input
              aria-label="Shortest duration"
              placeholder="min, 100ms"
              value={draft.minimum}
              aria-invalid={bad(draft.minimum)}
              onInput={(event) => setDraft({ ...draft, minimum: event.currentTarget.value })}
            />
            <input
              aria-label="Longest duration"
              placeholder="max, 1.5s"
              value={draft.maximum}
              aria-invalid={bad(draft.maximum)}
              onInput={(event) => setDraft({ ...draft, maximum: event.currentTarget.value })}
            />
          </div>
          {(bad(draft.minimum) || bad(draft.maximum)) && (
            <p class="problem" role="alert">
              A number with µs, ms, s or min.
            </p>
          )}
        </fieldset>

        <label for="search-status">Status code</label>
        <input
          id="search-status"
          placeholder="any, such as 503"
          value={draft.query.status}
          onInput={(event) => change({ status: event.currentTarget.value.trim() })}
        />

        <AttributesField
          attributes={draft.query.attributes}
          pending={draft.attribute}
          onPending={(attribute) => setDraft({ ...draft, attribute })}
          onChange={(attributes) => setDraft({ ...draft, attribute: "", query: { ...draft.query, attributes } })}
        />

        <TimeField query={draft.query} onChange={change} />

        <label for="search-limit">At most</label>
        <input
          id="search-limit"
          type="number"
          min="1"
          max={LIMIT_MAX}
          value={draft.query.limit}
          onInput={(event) => change({ limit: Number(event.currentTarget.value) || EMPTY.limit })}
        />

        <label class="check">
          <input
            type="checkbox"
            checked={draft.query.errors}
            onChange={(event) => change({ errors: event.currentTarget.checked })}
          />
          Only with errors
        </label>

        <div class="actions">
          <button type="submit" class="primary">
            Search
          </button>
          <button type="button" onClick={() => onSubmit(EMPTY)}>
            Clear
          </button>
        </div>
      </form>
    </search>
  );
}
