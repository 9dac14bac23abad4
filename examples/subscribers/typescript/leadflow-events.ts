// Leadflow's public events. Written by `make reference` in Leadflow's repository. Times are ISO 8601, in UTC.

/**
 * `POST /import` answered 202: the rows are stored and will each end as created, existing or error.
 */
export interface ImportAccepted {
  import_id: number;
  company_id: number;
  account_id: number;
  source_id: number;
  creator_id: number;
  total_rows: number;
  chunk_count: number;
  accepted_at: string;
}

/**
 * Every row has ended: `total_created + total_existing + total_errors == total_rows`. `revision` is 1; a
 * replayed dead letter that changes the totals emits the event again with the next one.
 */
export interface ImportFinished {
  import_id: number;
  company_id: number;
  account_id: number;
  source_id: number;
  creator_id: number;
  status: "PROCESSING" | "FINISHED" | "FAILED";
  total_rows: number;
  total_created: number;
  total_existing: number;
  total_errors: number;
  failure_reason: string | null;
  revision: number;
  accepted_at: string;
  finished_at: string;
}

/**
 * The leads of an import that nobody had touched are taken back: `reversed` of them, with their chats. `kept`
 * were changed since, or their chats were; of `failed` the chat was used while they were taken back, and another
 * lead has their phone since. Together they are all leads that the import had made. Emitted once.
 */
export interface ImportUndone {
  import_id: number;
  company_id: number;
  account_id: number;
  reversed: number;
  kept: number;
  failed: number;
  accepted_at: string;
  undone_at: string;
}

/**
 * A lead stands elsewhere in the pipeline.
 */
export interface LeadStatusChanged {
  event_type?: string;
  lead_id: string;
  old_status: "new" | "contacted" | "qualified" | "proposal" | "closed_won" | "closed_lost";
  new_status: "new" | "contacted" | "qualified" | "proposal" | "closed_won" | "closed_lost";
  timestamp: string;
  company_id: number;
}

/**
 * Fields of a lead have other values: their names alone. A greater `version` is later.
 */
export interface LeadChanged {
  lead_id: string;
  company_id: number;
  version: number;
  fields: Array<string>;
  timestamp: string;
}

/**
 * A lead is no more; with `erased` nothing of ours says any longer who it was.
 */
export interface LeadDeleted {
  lead_id: string;
  company_id: number;
  erased: boolean;
  timestamp: string;
}

export interface Topics {
  "lead.import-accepted.v1": ImportAccepted;
  "lead.import-finished.v1": ImportFinished;
  "lead.import-undone.v1": ImportUndone;
  "lead.status-changed.v1": LeadStatusChanged;
  "lead.changed.v1": LeadChanged;
  "lead.deleted.v1": LeadDeleted;
}
