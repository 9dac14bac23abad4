// The import that is being prepared: in memory, so that it outlives a session that ends, and nothing else.

import { useSyncExternalStore } from "react";
import { type Choices, type Column, keyOf, type OwnField, type Preview } from "../../api/types.ts";

export interface Draft {
  readonly file: File;
  readonly choices: Choices;
  /** Null where the API cannot look into a file beforehand. */
  readonly preview: Preview | null;
  /** Of the import: stays while the same is sent again. */
  readonly key: string;
}

/** Of the history of the browser: somebody comes from a page whose file went with it when it was loaded anew. */
export const LOST = { lost: true } as const;

let draft: Draft | null = null;
const listeners = new Set<() => void>();

export function setDraft(next: Draft | null): void {
  draft = next;
  for (const listener of listeners) listener();
}

/** Changes what is chosen. It is another import then, with another key. */
export function choose(changes: Partial<Choices>): void {
  if (!draft) return;
  setDraft({ ...draft, choices: { ...draft.choices, ...changes }, key: crypto.randomUUID() });
}

/** Reads the file another way. A row's number may be another person's then: what was corrected was said of the rows before. */
export function divideBy(how: Pick<Partial<Choices>, "sheet" | "delimiter">): void {
  choose({ ...how, page: 1, corrections: {} });
}

/** Whether the rows that are shown are still those of the sheet, or the delimiter, from before. */
export function showsOtherRows({ choices, preview }: Draft): boolean {
  const { sheet, delimiter } = preview?.file ?? {};
  return (choices.sheet ?? sheet) !== sheet || (choices.delimiter ?? delimiter) !== delimiter;
}

export function useDraft(): Draft | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => draft,
  );
}

export function currentDraft(): Draft | null {
  return draft;
}

/** A name for an import of this file: the file's, without its ending. */
export function nameOf(file: File): string {
  return file.name.replace(/\.[a-z]{2,4}$/i, "").slice(0, 255) || "leads";
}

/** Another name, where this one is taken: "Feira (2)", then "Feira (3)". */
export function nextName(name: string): string {
  const numbered = /^(.*) \((\d+)\)$/.exec(name);
  return numbered ? `${numbered[1]} (${Number(numbered[2]) + 1})` : `${name.slice(0, 250)} (2)`;
}

function isLeftOut({ header, field, is_new }: Column, { kept, mapping }: Choices): boolean {
  return !kept.includes(header) && !(header in mapping) && (field === null || Boolean(is_new));
}

/** Whether a column fills a field of the company's that is not there and that the import does not make: no lead has one. */
export function fillsNothing({ field, is_new }: Column, own: readonly OwnField[]): boolean {
  const key = field && keyOf(field);
  return Boolean(key) && is_new === false && !own.some((each) => each.key === key);
}

/** `data` of the upload, as the API wants it. `mapped` where it looks into files. */
export function dataOf({ choices, preview }: Draft, { forPreview }: { forPreview: boolean }): Record<string, unknown> {
  const { name, account, source, tags, invalid, encoding, delimiter, sheet, corrections, parent, page } = choices;
  const { kept, silent, list } = choices;
  // Of the others that are no known field the API is told that they stay left out: it would keep them, too.
  const others = kept.length > 0 ? (preview?.columns ?? []).filter((each) => isLeftOut(each, choices)) : [];
  const mapping = { ...choices.mapping, ...Object.fromEntries(others.map((each) => [each.header, null])) };
  return {
    account_id: account,
    tag_ids: tags,
    on_invalid_row: invalid,
    ...(forPreview ? { page } : { name, source_id: source }),
    ...(encoding && { encoding }),
    ...((forPreview || preview) && { columns: "mapped" }),
    ...(Object.keys(mapping).length > 0 && { mapping }),
    ...(kept.length > 0 && { extra_columns: "keep" }),
    ...(silent && { silent }),
    ...(!forPreview && list && { list_id: list }),
    ...(delimiter && { delimiter }),
    ...(sheet && { sheet }),
    ...(Object.keys(corrections).length > 0 && { corrections }),
    ...(parent && { parent_id: parent }),
  };
}
