// What only the screens of leads say: fetched with them, so that who imports waits for none of it.

import { type ReactNode, useEffect, useState } from "react";
import { IntlProvider, type MessageFormatElement, useIntl } from "react-intl";
import { type Language, useLanguage } from "../shell/preferences.ts";
import type en from "./leads/en.json";
import type { Word } from "./words.tsx";

export type LeadWord = keyof typeof en;
type Messages = Record<string, MessageFormatElement[]>;

const LOADED: Record<Language, () => Promise<{ default: unknown }>> = {
  "pt-BR": () => import("../../made/lead-words/pt-BR.json"),
  en: () => import("../../made/lead-words/en.json"),
};

/** Within it both these words and those of all screens are known. */
export function LeadWords({ children }: { children: ReactNode }) {
  const { messages } = useIntl();
  const language = useLanguage();
  const [found, setFound] = useState<{ language: Language; messages: Messages } | null>(null);
  useEffect(() => {
    let wanted = true;
    void LOADED[language]().then((module) => {
      if (wanted) setFound({ language, messages: module.default as Messages });
    });
    return () => {
      wanted = false;
    };
  }, [language]);
  if (!found) return null;
  return (
    <IntlProvider locale={found.language} messages={{ ...(messages as Messages), ...found.messages }}>
      {children}
    </IntlProvider>
  );
}

/** Returns the function that says a word of leads, or of all screens, in the person's language. */
export function useLeadWords(): (word: Word | LeadWord, values?: Record<string, string | number>) => string {
  const intl = useIntl();
  return (word, values) => intl.formatMessage({ id: word }, values);
}
