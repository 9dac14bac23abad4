// Asks once before a page is left that holds something unfinished.

import { useEffect, useSyncExternalStore } from "react";
import { type navigate, useBrowserLocation } from "wouter/use-browser-location";

let guarded = false;
let held: (() => void) | null = null;
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

/** While `unfinished`, links of the console ask first, and so does the browser before it closes the page. */
export function useAskBeforeLeaving(unfinished: boolean): void {
  useEffect(() => {
    if (!unfinished) return;
    guarded = true;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => {
      guarded = false;
      window.removeEventListener("beforeunload", ask);
    };
  }, [unfinished]);
}

/** The way on that waits for an answer: `go` leaves, `stay` does not. Null while there is none. */
export function useHeldWay(): { go: () => void; stay: () => void } | null {
  const way = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => held,
  );
  const end = () => {
    held = null;
    tell();
  };
  return (
    way && {
      go: () => {
        end();
        guarded = false;
        way();
      },
      stay: end,
    }
  );
}

/** Leaves without asking: what was unfinished is done. */
export function stopAsking(): void {
  guarded = false;
}

export function useLocationAsking(): [string, typeof navigate] {
  const [location, go] = useBrowserLocation();
  const ask: typeof navigate = (to, how) => {
    if (!guarded) {
      go(to, how);
      return;
    }
    held = () => go(to, how);
    tell();
  };
  return [location, ask];
}
