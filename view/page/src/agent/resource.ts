// Something fetched, for as long as a view wants it: asked for again when the key changes or the page was unlocked, and
// dropped when the view goes.

import { useEffect, useRef, useState } from "preact/hooks";
import { unlockings } from "./api";

export interface Resource<T> {
  /** The last answer; it stays while the next one is under way. */
  value: T | null;
  /** Why there is no newer one. */
  error: string | null;
  loading: boolean;
  /** Asks again. */
  reload: () => void;
}

interface State<T> {
  key: string;
  value: T | null;
  error: string | null;
  loading: boolean;
}

/** Fetches what `key` names; `keep` shows the old answer until the next key's is there. */
export function useResource<T>(key: string, fetcher: (abort: AbortSignal) => Promise<T>, keep = false): Resource<T> {
  const [state, setState] = useState<State<T>>({ key, value: null, error: null, loading: true });
  const [asked, ask] = useState(0);
  const current = useRef(fetcher);
  current.current = fetcher;
  const unlocked = unlockings.value;

  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ key, value: old.key === key || keep ? old.value : null, error: null, loading: true }));
    current.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ key, value, error: null, loading: false });
      },
      (error: Error) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error: error.message, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, asked, unlocked]);

  const stale = state.key !== key && !keep;
  return {
    value: stale ? null : state.value,
    error: stale ? null : state.error,
    loading: stale || state.loading,
    reload: () => ask((times) => times + 1),
  };
}
