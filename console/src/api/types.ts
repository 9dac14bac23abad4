import type { components } from "../../made/schema.d.ts";

type Schemas = components["schemas"];

export type ImportStatus = Schemas["ImportStatus"];
export type Row = Omit<Schemas["RowView"], "outcome"> & { outcome: Outcome; lead_id?: number; name?: string };
export type Outcome = "created" | "existing" | "error";
export type Field = "name" | "phone" | "cpf" | "email" | "tags";
export const FIELDS: readonly Field[] = ["name", "phone", "cpf", "email", "tags"];

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
  readonly canceled?: number | boolean | null;
  readonly undo?: Undo | null;
  readonly parent_id?: number | null;
  readonly child_ids?: number[];
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
  readonly accounts: Named[];
  readonly sources: Named[];
  readonly tags: Named[];
  readonly limits: { max_rows: number; max_bytes: number; quota_rows: number; quota_imports: number };
  readonly expires_at: string | null;
}
