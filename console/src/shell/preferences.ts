// Language and theme: as the browser has them, until the person chooses otherwise. Kept in the browser; nothing secret.

import { useSyncExternalStore } from "react";

export const LANGUAGES = ["pt-BR", "en"] as const;
export type Language = (typeof LANGUAGES)[number];
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const listeners = new Set<() => void>();
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function kept(name: string): string | null {
  try {
    return localStorage.getItem(`leadflow.${name}`);
  } catch {
    return null; // A browser may have forbidden it: then it is asked for every time.
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`leadflow.${name}`, value);
  } catch {
    // As above.
  }
}

export { kept };

export function language(): Language {
  const chosen = kept("language");
  return (
    LANGUAGES.find((each) => each === chosen) ??
    (navigator.languages.some((each) => each.startsWith("pt")) ? "pt-BR" : "en")
  );
}

export function theme(): Theme {
  return THEMES.find((each) => each === kept("theme")) ?? "system";
}

export function choose(name: "language" | "theme", value: Language | Theme): void {
  keep(name, value);
  show();
  for (const listener of listeners) listener();
}

/** Tells the document, before anything is drawn. */
export function show(): void {
  const root = document.documentElement;
  root.lang = language();
  root.classList.toggle("dark", theme() === "dark" || (theme() === "system" && dark.matches));
}

dark.addEventListener("change", show);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useLanguage = (): Language => useSyncExternalStore(subscribe, language);
export const useTheme = (): Theme => useSyncExternalStore(subscribe, theme);
