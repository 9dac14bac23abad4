// The fields that a person may write, how a lead's values stand in them, and what of it is sent.

import type { Changes, Lead, LeadField } from "../../api/leads.ts";
import type { LeadWord } from "../../words/lead-words.tsx";
import type { Word } from "../../words/words.tsx";
import { typed } from "../leads/wanted.ts";

export interface FormField {
  /** As the API has it; of the company's own fields `custom.KEY`. */
  readonly name: string;
  readonly kind: "text" | "email" | "tel" | "url" | "number" | "date" | "lines" | "choice";
  readonly word?: LeadWord;
  /** Of a company's own field. */
  readonly label?: string;
  readonly own?: LeadField;
  readonly required?: boolean;
  readonly most?: number;
  readonly options?: readonly string[];
  readonly wordOf?: (option: string) => LeadWord | Word;
}

const CUSTOM = "custom.";
const OURS: readonly FormField[] = [
  { name: "name", kind: "text", word: "lead.name", required: true, most: 255 },
  { name: "company", kind: "text", word: "lead.company", most: 255 },
  { name: "email", kind: "email", word: "lead.email", most: 255 },
  { name: "phone", kind: "tel", word: "lead.phone", most: 64 },
  { name: "first_name", kind: "text", word: "lead.first_name", most: 255 },
  { name: "last_name", kind: "text", word: "lead.last_name", most: 255 },
  { name: "job_title", kind: "text", word: "lead.job_title", most: 255 },
  { name: "linkedin_url", kind: "text", word: "lead.linkedin_url", most: 255 },
  {
    name: "priority",
    kind: "choice",
    word: "lead.priority",
    options: ["low", "medium", "high"],
    wordOf: (option) => `lead.priority.${option}` as LeadWord,
  },
];
const NOTES: FormField = { name: "notes", kind: "lines", word: "lead.notes" };

export function fieldsOf(own: readonly LeadField[]): FormField[] {
  const theirs = own.map((field): FormField => {
    const shared = { name: `${CUSTOM}${field.key}`, label: field.label, own: field };
    if (field.type === "boolean")
      return {
        ...shared,
        kind: "choice",
        options: ["", "true", "false"],
        wordOf: (option) => (option === "" ? "lead.unsaid" : option === "true" ? "lead.yes" : "lead.no"),
      };
    return field.type === "string" ? { ...shared, kind: "text", most: 1_000 } : { ...shared, kind: field.type };
  });
  return [...OURS, ...theirs, NOTES];
}

export function textOf(lead: Lead, { name, own }: FormField): string {
  const value = own ? lead.custom_fields?.[own.key] : (lead as unknown as Record<string, unknown>)[name];
  return value === null || value === undefined ? "" : String(value);
}

/** What differs from the lead, as it is sent; null when nothing does. What is emptied becomes null. */
export function changesOf(
  lead: Lead,
  fields: readonly FormField[],
  written: Readonly<Record<string, string>>,
): Changes | null {
  const changes: Record<string, unknown> = {};
  const custom: Record<string, unknown> = {};
  for (const field of fields) {
    const value = written[field.name];
    if (value === undefined || value === textOf(lead, field)) continue;
    if (field.own) custom[field.own.key] = value === "" ? null : typed(value, field.own.type);
    else changes[field.name] = value === "" && !field.required ? null : value;
  }
  if (Object.keys(custom).length > 0) changes.custom_fields = custom;
  return Object.keys(changes).length > 0 ? (changes as Changes) : null;
}

/** The fields whose value another has changed, and which of them the person has written as well. */
export function overtakenIn(
  before: Lead,
  now: Lead,
  fields: readonly FormField[],
  written: Readonly<Record<string, string>>,
): { field: FormField; was: string; now: string; mine: string | null }[] {
  return fields
    .map((field) => ({
      field,
      was: textOf(before, field),
      now: textOf(now, field),
      mine: written[field.name] ?? null,
    }))
    .filter((each) => each.was !== each.now)
    .map((each) => ({ ...each, mine: each.mine === each.now ? null : each.mine }));
}
