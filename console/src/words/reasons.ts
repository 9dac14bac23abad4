// Short words for the reasons of rows. Their long form comes with each row from the API, in the person's language.

import type { Word } from "./words.tsx";

const CODES = [
  "name_missing",
  "name_too_long",
  "phone_missing",
  "phone_invalid",
  "phone_scientific",
  "cpf_invalid",
  "email_invalid",
  "email_too_long",
  "tags_too_many",
  "tags_too_long",
  "cells_too_many",
  "cell_too_long",
  "cell_error",
  "cell_not_calculated",
  "in_file",
  "lead_exists",
  "patient_exists",
  "chat_exists",
  "not_on_whatsapp",
  "whatsapp_refused",
  "whatsapp_unknown",
  "chat_refused",
  "chunk_dead_lettered",
  "canceled",
] as const;

const EXISTING: readonly string[] = ["in_file", "lead_exists", "patient_exists", "chat_exists"];

/** The word for a reason; one that is newer than the console is shown by its code. */
export function reasonWord(code: string): Word | null {
  const known = CODES.find((each) => each === code);
  return known ? `reason.${known}` : null;
}

export function outcomeOf(reason: string): "existing" | "error" | "canceled" {
  if (reason === "canceled") return "canceled";
  return EXISTING.includes(reason) ? "existing" : "error";
}

const KEPT = [
  "lead_deleted",
  "lead_converted",
  "lead_linked",
  "lead_changed",
  "chat_tagged",
  "chat_changed",
  "phone_taken",
] as const;

/** The word for why an undo has kept a lead. */
export function keptWord(code: string): Word | null {
  const known = KEPT.find((each) => each === code);
  return known ? `kept.${known}` : null;
}
