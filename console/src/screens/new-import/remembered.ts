// Which header was which field, the last time: kept in the browser under a fingerprint of the headers. No cell is kept.

import type { AnyField, Choices, Column } from "../../api/types.ts";
import { keep, kept } from "../../shell/preferences.ts";

async function fingerprint(headers: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(headers.map((each) => each.trim().toLowerCase())));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest.slice(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** In place of a field: the column becomes one of the company's own. */
const KEPT = "keep";

export async function remember(columns: readonly Column[], keeps: readonly string[]): Promise<void> {
  const fields = columns.map(({ header, field }) => (keeps.includes(header) ? KEPT : field));
  keep(`mapping.${await fingerprint(columns.map((column) => column.header))}`, JSON.stringify(fields));
}

/** What differs from how the API read these headers by itself; null where they were never seen. */
export async function recall(columns: readonly Column[]): Promise<Pick<Choices, "mapping" | "kept"> | null> {
  const text = kept(`mapping.${await fingerprint(columns.map((column) => column.header))}`);
  if (text === null) return null;
  try {
    const fields = JSON.parse(text) as (AnyField | typeof KEPT | null)[];
    if (fields.length !== columns.length) return null;
    const mapping: Record<string, AnyField | null> = {};
    const keeps: string[] = [];
    columns.forEach(({ header, field }, at) => {
      const before = fields[at] ?? null;
      if (before === KEPT) keeps.push(header);
      else if (before !== field) mapping[header] = before;
    });
    return { mapping, kept: keeps };
  } catch {
    return null;
  }
}
