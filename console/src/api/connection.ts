// Whether anything answers: what the browser says of its network, and whether the last call came through.

import { useSyncExternalStore } from "react";

let reached = true;
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

window.addEventListener("online", tell);
window.addEventListener("offline", tell);

export function noteAnswer(came: boolean): void {
  if (came === reached) return;
  reached = came;
  tell();
}

export function useConnected(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => navigator.onLine && reached,
  );
}
