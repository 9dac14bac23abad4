// Short words for the codes of rows, from the catalogue that api speaks, too. Their long form comes with each row.

import { useIntl } from "react-intl";
import { type AnyField, FIELDS, MORE_FIELDS } from "../api/types.ts";

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

/** What api says of a row with errors, fault by fault: it names the field of each by the API's name, "phone: …". */
export function faultsOf(detail: string): { field: AnyField | null; text: string }[] {
  const names = [...FIELDS, ...MORE_FIELDS, "custom:\\w+"].join("|");
  const [before = "", ...faults] = detail.split(new RegExp(`(?:^| )(${names}): `));
  const found: { field: AnyField | null; text: string }[] = before ? [{ field: null, text: before }] : [];
  for (let at = 0; at < faults.length; at += 2)
    found.push({ field: faults[at] as AnyField, text: faults[at + 1] ?? "" });
  return found;
}
