// Asks for the token when the agent wants one. It is exchanged for a cookie and kept nowhere.

import { useState } from "preact/hooks";
import { Dialog } from "../shell/Dialog";
import { locked, unlock } from "./api";

export function Token() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const accepted = await unlock(token.trim()).catch(() => null);
    setBusy(false);
    if (accepted === null) setProblem("The agent cannot be reached.");
    else setProblem(accepted ? "" : "That is not the token.");
    if (accepted) setToken("");
  };

  return (
    <Dialog open={locked.value} title="This agent wants a token">
      <form class="token" onSubmit={submit}>
        <p>
          It was given with <code>--ui-token</code> when the agent was started.
        </p>
        <input type="text" autocomplete="username" value="sonde" readOnly hidden />
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
          aria-describedby="token-problem"
        />
        <p id="token-problem" class="problem" role="alert">
          {problem}
        </p>
        <button type="submit" class="primary" disabled={busy}>
          Unlock
        </button>
      </form>
    </Dialog>
  );
}
