// What the console says. Messages are compiled when it is built; only the language that is shown is fetched.

import { type ReactNode, useEffect, useState } from "react";
import { IntlProvider, type MessageFormatElement, useIntl } from "react-intl";
import { type Language, useLanguage } from "../shell/preferences.ts";
import type en from "./en.json";

export type Word = keyof typeof en;
type Values = Record<string, string | number>;
type Messages = Record<string, MessageFormatElement[]>;

const LOADED: Record<Language, () => Promise<{ default: unknown }>> = {
  "pt-BR": () => import("../../made/words/pt-BR.json"),
  en: () => import("../../made/words/en.json"),
};

export function Words({ children }: { children: ReactNode }) {
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
    <IntlProvider locale={found.language} messages={found.messages}>
      {children}
    </IntlProvider>
  );
}

/** Returns the function that says a word, with its values, in the person's language. */
export function useWords(): (word: Word, values?: Values) => string {
  const intl = useIntl();
  return (word, values) => intl.formatMessage({ id: word }, values);
}

export function useNumbers() {
  const intl = useIntl();
  return {
    number: (value: number) => intl.formatNumber(value),
    percent: (percents: number) => intl.formatNumber(percents / 100, { style: "percent" }),
    bytes: (value: number) =>
      value < 1_000_000
        ? intl.formatNumber(Math.max(1, Math.round(value / 1_000)), { style: "unit", unit: "kilobyte" })
        : intl.formatNumber(value / 1_000_000, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 }),
    moment: (iso: string) => intl.formatDate(iso, { dateStyle: "medium", timeStyle: "short" }),
    /** A time of today to the minute, never before it. */
    time: (time: number) => intl.formatTime(Math.ceil(time / 60_000) * 60_000, { timeStyle: "short" }),
    clock: (time: number) => intl.formatTime(time, { timeStyle: "medium" }),
    /** Seconds in words: their largest unit, rounded. */
    lasting: (seconds: number) =>
      seconds < 90
        ? intl.formatNumber(Math.max(1, Math.round(seconds)), { style: "unit", unit: "second", unitDisplay: "long" })
        : intl.formatNumber(Math.round(seconds / 60), { style: "unit", unit: "minute", unitDisplay: "long" }),
    /** How long ago, for times of today; else the day. */
    ago: (iso: string, now: number) => {
      const seconds = Math.round((Date.parse(iso) - now) / 1000);
      if (seconds > -60) return intl.formatRelativeTime(0, "second", { numeric: "auto" });
      if (seconds > -3_600) return intl.formatRelativeTime(Math.round(seconds / 60), "minute");
      if (seconds > -86_400) return intl.formatRelativeTime(Math.round(seconds / 3_600), "hour");
      return intl.formatDate(iso, { day: "numeric", month: "short", year: "numeric" });
    },
  };
}
