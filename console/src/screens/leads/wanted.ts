// Which leads are shown. What says nothing of a person stands in the page's address, so that it can be kept and sent on;
// what is looked for, a name or a phone, is kept in memory alone.

import { useMemo, useSyncExternalStore } from "react";
import { useLocation, useSearch } from "wouter";
import type { LeadField, LeadQuery, LeadStatus, Whom } from "../../api/leads.ts";
import type { Me } from "../../api/types.ts";

export const FILTERS = [
  "status",
  "channel",
  "import_id",
  "list_id",
  "assigned_to",
  "source",
  "tag",
  "from",
  "to",
] as const;
export type Filter = (typeof FILTERS)[number];
/** By name, as they stand in the address; sources and tags by their ids, days as 2026-11-28. */
export type Wanted = Readonly<Partial<Record<Filter, string>>> & { readonly oldestFirst: boolean };

type FieldType = LeadField["type"];

/** What must not stand in an address. */
export interface Sought {
  readonly text: string;
  readonly field: { readonly key: string; readonly type: FieldType; readonly value: string } | null;
}

export const NOTHING: Sought = { text: "", field: null };
let sought = NOTHING;
const listeners = new Set<() => void>();

export function seek(changed: Partial<Sought>): void {
  sought = { ...sought, ...changed };
  for (const listener of listeners) listener();
}

export function useSought(): Sought {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => sought,
  );
}

export function wantedIn(search: string): Wanted {
  const parameters = new URLSearchParams(search);
  const found: Partial<Record<Filter, string>> = {};
  for (const filter of FILTERS) {
    const value = parameters.get(filter);
    if (value) found[filter] = value;
  }
  return { ...found, oldestFirst: parameters.get("sort") === "created_at" };
}

export function searchOf(wanted: Wanted): string {
  const parameters = new URLSearchParams();
  for (const filter of FILTERS) {
    const value = wanted[filter];
    if (value) parameters.set(filter, value);
  }
  if (wanted.oldestFirst) parameters.set("sort", "created_at");
  return parameters.toString();
}

export function useWanted(): [Wanted, (changed: Partial<Record<Filter, string>> & { oldestFirst?: boolean }) => void] {
  const search = useSearch();
  const [path, go] = useLocation();
  const wanted = useMemo(() => wantedIn(search), [search]);
  const change = (changed: Partial<Record<Filter, string>> & { oldestFirst?: boolean }) => {
    const next = searchOf({ ...wanted, ...changed });
    go(next ? `${path}?${next}` : path);
  };
  return [wanted, change];
}

/** The beginning of a day where the person is, as the API wants it; of the next day to include this one. */
export function beginningOf(day: string, daysLater = 0): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return undefined;
  const at = new Date(year, month - 1, date + daysLater);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** What the API is asked. Null while the name of a source or a tag is not known yet. */
export function queryOf(wanted: Wanted, { text, field }: Sought, me: Me | null | undefined): LeadQuery | null {
  if ((wanted.source || wanted.tag) && me === undefined) return null;
  const named = (choices: readonly { id: number; name: string }[] | undefined, id: string | undefined) =>
    id && (choices?.find((each) => String(each.id) === id)?.name ?? id);
  const query: Record<string, string | number | undefined> = {
    status: wanted.status,
    channel: wanted.channel,
    import_id: wanted.import_id && Number(wanted.import_id),
    list_id: wanted.list_id,
    assigned_to: wanted.assigned_to && Number(wanted.assigned_to),
    source: named(me?.sources, wanted.source),
    tag: named(me?.tags, wanted.tag),
    created_from: wanted.from && beginningOf(wanted.from),
    created_to: wanted.to && beginningOf(wanted.to, 1),
    q: text.trim() || undefined,
    sort: wanted.oldestFirst ? "created_at" : undefined,
    ...(field?.value && { [`custom.${field.key}`]: field.value }),
  };
  return Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined && value !== ""),
  ) as LeadQuery;
}

/** The same leads as the body that puts them into a list: there a value has its type. */
export function whomOf(query: LeadQuery, { field }: Sought): Whom {
  const named = Object.entries(query).filter(([name]) => name !== "sort" && !name.startsWith("custom."));
  const custom = field?.value ? { custom: { [field.key]: typed(field.value, field.type) } } : {};
  return { filter: { ...Object.fromEntries(named), ...custom } };
}

export function typed(value: string, type: FieldType): string | number | boolean {
  if (type === "number") return Number(value);
  return type === "boolean" ? value === "true" : value;
}

export function isFiltered(wanted: Wanted, { text, field }: Sought): boolean {
  return FILTERS.some((filter) => wanted[filter]) || text.trim() !== "" || Boolean(field?.value);
}

export function withStatus(query: LeadQuery, status: LeadStatus): LeadQuery {
  return { ...query, status };
}
