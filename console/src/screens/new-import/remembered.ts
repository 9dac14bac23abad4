// Which header was which field, the last time: kept in the browser under a fingerprint of the headers. No cell is kept.

import type { AnyField, Column } from "../../api/types.ts";
import { keep, kept } from "../../shell/preferences.ts";

async function fingerprint(headers: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(headers.map((each) => each.trim().toLowerCase())));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest.slice(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function remember(columns: readonly Column[]): Promise<void> {
  const fields = columns.map((column) => column.field);
  keep(`mapping.${await fingerprint(columns.map((column) => column.header))}`, JSON.stringify(fields));
}

/** What differs from how the API read these headers by itself; nothing where they were never seen. */
export async function recall(columns: readonly Column[]): Promise<Record<string, AnyField | null>> {
  const text = kept(`mapping.${await fingerprint(columns.map((column) => column.header))}`);
  if (text === null) return {};
  try {
    const fields = JSON.parse(text) as (AnyField | null)[];
    if (fields.length !== columns.length) return {};
    return Object.fromEntries(
      columns
        .filter((column, at) => column.field !== fields[at])
        .map((column) => [column.header, fields[column.index] ?? null]),
    );
  } catch {
    return {};
  }
}
