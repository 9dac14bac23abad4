// Short words for the codes of rows, from the catalogue that api speaks, too. Their long form comes with each row.

import { useIntl } from "react-intl";

const EXISTING: readonly string[] = ["in_file", "lead_exists", "patient_exists", "chat_exists"];

export function outcomeOf(reason: string): "existing" | "error" | "canceled" {
  if (reason === "canceled") return "canceled";
  return EXISTING.includes(reason) ? "existing" : "error";
}

/** Says a code; one that is newer than the console is shown as it is. */
export function useReasons(): (code: string) => string {
  const { messages, formatMessage } = useIntl();
  return (code) => {
    const id = `reason.${code}`;
    return id in messages ? formatMessage({ id }) : code;
  };
}
