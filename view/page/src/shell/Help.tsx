// The list of shortcuts, on `?`.

import { Dialog } from "./Dialog";
import { helpOpen, SHORTCUTS } from "./shortcuts";

export function Help() {
  const close = () => {
    helpOpen.value = false;
  };
  return (
    <Dialog open={helpOpen.value} onClose={close} title="Keyboard shortcuts">
      <div class="shortcuts">
        {SHORTCUTS.map(({ where, keys }) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl>
              {keys.map(([names, what]) => (
                <div key={what}>
                  <dt>
                    {names.map((name) => (
                      <kbd key={name}>{name}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
