import type { components } from "../../made/schema.d.ts";

type Schemas = components["schemas"];

export type ImportStatus = Schemas["ImportStatus"];
export type Row = Omit<Schemas["RowView"], "outcome"> & { outcome: Outcome; lead_id?: number; name?: string };
export type Outcome = "created" | "existing" | "error";
export type Field = "name" | "phone" | "cpf" | "email" | "tags";
export const FIELDS: readonly Field[] = ["name", "phone", "cpf", "email", "tags"];

export type MoreField = "first_name" | "last_name" | "company_name" | "job_title" | "linkedin_url" | "notes";
export const MORE_FIELDS: readonly MoreField[] = [
  "first_name",
  "last_name",
  "company_name",
  "job_title",
  "linkedin_url",
  "notes",
];

/** What a column may hold: one of the five, one of a lead's further fields, one of the company's own. */
export type AnyField = Field | MoreField | `custom:${string}`;

/** The key of a field of the company's own; null: it is a field of every lead. */
export function keyOf(field: AnyField): string | null {
  return field.startsWith("custom:") ? field.slice("custom:".length) : null;
}

export type OwnType = "string" | "number" | "boolean" | "date";

export interface OwnField {
  readonly key: string;
  readonly label: string;
}

export interface Undo {
  readonly state: "RUNNING" | "DONE";
  readonly total: number;
  readonly reversed: number;
  readonly kept: number;
  readonly failed: number;
  readonly requested_at: string;
  readonly finished_at: string | null;
}

/** What an import says of itself beside its totals; what an older API does not say is left out. */
interface More {
  readonly reasons?: Record<string, number>;
  readonly canceled?: number;
  readonly cancel_requested_at?: string | null;
  readonly rows_expired_at?: string | null;
  readonly undo?: Undo | null;
  readonly parent_id?: number | null;
  readonly child_ids?: number[];
  readonly silent?: boolean;
  readonly rate?: number | null;
  readonly eta_seconds?: number | null;
  readonly queue_position?: number | null;
  readonly server_time?: string;
}

export type Import = Schemas["ImportView"] & More;
export interface ImportPage {
  readonly items: Import[];
  readonly next: string | null;
}

export interface Named {
  readonly id: number;
  readonly name: string;
}

export interface Me {
  readonly user_id: number;
  readonly company_id: number;
  /** By module; what an older API does not say is left out. */
  readonly permissions?: Readonly<Record<string, readonly string[]>>;
  readonly accounts: Named[];
  readonly sources: Named[];
  readonly tags: Named[];
  readonly limits: { max_rows: number; max_bytes: number; quota_rows: number; quota_imports: number };
  readonly expires_at: string | null;
}

export interface Column {
  readonly index: number;
  readonly header: string;
  readonly field: AnyField | null;
  /** Of a field of the company's own. */
  readonly type?: OwnType | null;
  /** The import would make this field. */
  readonly is_new?: boolean;
  readonly samples: string[];
  readonly valid: number;
  readonly invalid: number;
  readonly empty: number;
}

export interface PreviewedRow {
  readonly row: number;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly column: string | null;
  readonly stored: Record<string, unknown> | null;
  readonly cells: string[];
}

export interface RowError {
  readonly row: number;
  readonly column: string | null;
  readonly code: string;
  readonly message: string;
}

interface Share {
  readonly limit: number;
  readonly used: number;
  readonly left: number;
}

/** What would become of an upload now: nothing is stored. */
export interface Preview {
  readonly file: {
    readonly name: string | null;
    readonly format: string;
    readonly encoding: string | null;
    readonly delimiter: string | null;
    readonly sheet: string | null;
    readonly sheets: string[];
    readonly sha256: string;
  };
  readonly columns: Column[];
  readonly missing: string[];
  readonly total_rows: number;
  readonly forecast: { readonly created: number; readonly existing: number; readonly errors: number } | null;
  readonly reasons: Record<string, number>;
  readonly rows: PreviewedRow[];
  readonly page: number;
  readonly pages?: number;
  readonly errors: RowError[];
  readonly total_errors: number;
  readonly new_tags: string[];
  readonly quota: { readonly rows: Share; readonly imports: Share; readonly resets_at: string | null } | null;
  readonly same_file: { readonly id: number; readonly name: string; readonly created_at: string }[];
  readonly parent_id?: number | null;
  readonly warnings: { readonly code: string; readonly message: string }[];
}

export type Corrections = Record<string, Partial<Record<AnyField, string>>>;

/** What a person has chosen on the page that checks a file. */
export interface Choices {
  readonly name: string;
  readonly account: number | null;
  readonly source: number | null;
  readonly tags: readonly number[];
  readonly invalid: "skip" | "reject";
  readonly encoding: string | null;
  readonly delimiter: string | null;
  readonly sheet: string | null;
  readonly mapping: Readonly<Record<string, AnyField | null>>;
  /** Headers of columns that are no known field and become one of the company's own. */
  readonly kept: readonly string[];
  readonly silent: boolean;
  /** The list of leads that its leads are put into. */
  readonly list: string | null;
  /** The name of a list that is made for them; null: none is. */
  readonly newList: string | null;
  readonly corrections: Corrections;
  readonly parent: number | null;
  readonly page: number;
}
