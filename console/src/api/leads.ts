// The calls about leads, and how long their answers are good for.

import { infiniteQueryOptions, keepPreviousData, type QueryClient, queryOptions } from "@tanstack/react-query";
import type { components, operations } from "../../made/leads.d.ts";
import { body, leadsApi } from "./client.ts";
import { Problem } from "./problems.ts";

type Schemas = components["schemas"];
type Sent<Call extends keyof operations> = operations[Call] extends {
  requestBody: { content: { "application/json": infer Body } };
}
  ? Body
  : never;

export type LeadRow = Schemas["LeadRow"];
export type Lead = Schemas["LeadView"];
export type LeadPage = Schemas["LeadPage"];
export type LeadStatus = LeadRow["status"];
export type Activity = Schemas["ActivityView"];
export type LeadList = Schemas["ListView"];
export type LeadField = Schemas["FieldView"];
export type LeadForm = Schemas["FormView"];
export type Pipeline = Schemas["PipelineView"];
export type Opportunity = Schemas["OpportunityView"];
export type LeadQuery = NonNullable<operations["get_leads"]["parameters"]["query"]>;
export type Changes = Sent<"patch_lead">;
export type Whom = Sent<"post_members">;
export type Wish = Sent<"post_convert">;
export type NewLead = Sent<"post_lead">;
export type User = Schemas["UserView"];

export const SOURCES = ["website", "referral", "social", "other"] as const satisfies readonly NewLead["source"][];

/** In the order of the pipeline: won and lost are its end. */
export const STATUSES: readonly LeadStatus[] = [
  "new",
  "contacted",
  "qualified",
  "proposal",
  "closed_won",
  "closed_lost",
];
const PAGE = 50;
const LISTS = 100;
const USERS = 100;
const KEPT_MS = 30_000;

/** Pages of leads; what was found before stays until the next is found, so that nothing jumps while one types. */
export function leadsQuery(wanted: LeadQuery, limit = PAGE) {
  return infiniteQueryOptions({
    queryKey: ["leads", wanted, limit],
    initialPageParam: null as string | null,
    placeholderData: keepPreviousData,
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...wanted, limit, ...(pageParam !== null && { cursor: pageParam }) };
      return body(await leadsApi.GET("/api/v1/leads", { params: { query }, signal })) as LeadPage;
    },
    getNextPageParam: (last) => last.next,
  });
}

export function leadQuery(id: string) {
  return queryOptions({
    queryKey: ["lead", id],
    queryFn: async ({ signal }) =>
      body(await leadsApi.GET("/api/v1/leads/{lead_id}", { params: { path: { lead_id: id } }, signal })) as Lead,
  });
}

/** What stands in a lead's history before this entry. */
export function olderQuery(id: string, before: string | null) {
  return infiniteQueryOptions({
    queryKey: ["lead", id, "history", before],
    enabled: false,
    initialPageParam: before,
    queryFn: async ({ pageParam, signal }) => {
      const params = { path: { lead_id: id }, query: { activities_before: pageParam } };
      return body(await leadsApi.GET("/api/v1/leads/{lead_id}", { params, signal })) as Lead;
    },
    getNextPageParam: (last) => last.next_activities,
  });
}

export const listsQuery = queryOptions({
  queryKey: ["lists"],
  staleTime: KEPT_MS,
  queryFn: async ({ signal }) => {
    const found: LeadList[] = [];
    let cursor: string | null = null;
    do {
      const query: { limit: number; cursor: string | null } = { limit: LISTS, cursor };
      const page: Schemas["ListPage"] = body(
        await leadsApi.GET("/api/v1/lists", { params: { query: cursor ? query : { limit: LISTS } }, signal }),
      ) as Schemas["ListPage"];
      found.push(...page.items);
      cursor = page.next;
    } while (cursor);
    return found;
  },
});

export const fieldsQuery = queryOptions({
  // Below that of the mapping's: who makes a field makes it for both.
  queryKey: ["fields", "leads"],
  staleTime: KEPT_MS,
  queryFn: async ({ signal }) => (body(await leadsApi.GET("/api/v1/fields", { signal })) as Schemas["FieldList"]).items,
});

export const formsQuery = queryOptions({
  queryKey: ["forms"],
  staleTime: KEPT_MS,
  queryFn: async ({ signal }) => (body(await leadsApi.GET("/api/v1/forms", { signal })) as Schemas["FormList"]).items,
});

export const pipelinesQuery = queryOptions({
  queryKey: ["pipelines"],
  staleTime: KEPT_MS,
  queryFn: async ({ signal }) =>
    (body(await leadsApi.GET("/api/v1/pipelines", { signal })) as Schemas["PipelineList"]).items,
});

/** Everybody whom a lead may be assigned to. */
export const usersQuery = queryOptions({
  queryKey: ["users"],
  staleTime: 5 * 60_000,
  queryFn: async ({ signal }) => {
    const found: User[] = [];
    let cursor: number | null = 0;
    while (cursor !== null) {
      const query: { limit: number; cursor: number } = { limit: USERS, cursor };
      const page: Schemas["UserPage"] = body(
        await leadsApi.GET("/api/v1/users", { params: { query }, signal }),
      ) as Schemas["UserPage"];
      found.push(...page.items);
      cursor = page.next;
    }
    return found.sort((one, other) => one.name.localeCompare(other.name));
  },
});

/** The same key for the same lead: a second try after a lost answer makes no second one. */
export async function makeLead(lead: NewLead, key: string): Promise<string> {
  const params = { header: { "idempotency-key": key } };
  return (body(await leadsApi.POST("/api/v1/leads", { params, body: lead })) as Schemas["CapturedView"]).id;
}

/** The id of the lead that is there already, where a new one was refused because of it. */
export function leadThere(error: unknown): string | null {
  if (!(error instanceof Problem) || error.code !== "lead_exists") return null;
  return (error.body as unknown as { lead_id: string }).lead_id;
}

/** Of a lead as the person knows it: who comes with an older one is refused, and shown the present one. */
interface Known {
  readonly id: string;
  /** Null where any will do. */
  readonly version: number | null;
}

function of({ id, version }: Known) {
  return { path: { lead_id: id }, header: version === null ? {} : { "if-match": `"${version}"` } };
}

export async function moveLead(known: Known, status: LeadStatus, notes: string | null): Promise<void> {
  await leadsApi.PATCH("/api/v1/leads/{lead_id}/status", { params: of(known), body: { status, notes } });
}

export async function assignLead(known: Known, user: number | null): Promise<void> {
  await leadsApi.POST("/api/v1/leads/{lead_id}/assign", { params: of(known), body: { assigned_to: user } });
}

export async function changeLead(known: Known, changes: Changes): Promise<void> {
  await leadsApi.PATCH("/api/v1/leads/{lead_id}", { params: of(known), body: changes });
}

export async function convertLead(known: Known, wish: Wish): Promise<Opportunity> {
  const params = of(known);
  const answer = body(await leadsApi.POST("/api/v1/leads/{lead_id}/convert", { params, body: wish }));
  return (answer as Schemas["ConvertedView"]).opportunity;
}

export async function deleteLead(known: Known): Promise<void> {
  await leadsApi.DELETE("/api/v1/leads/{lead_id}", { params: of(known) });
}

export async function writeActivity(id: string, kind: "note_added" | "contacted", text: string): Promise<void> {
  await leadsApi.POST("/api/v1/leads/{lead_id}/activities", {
    params: { path: { lead_id: id } },
    body: { activity_type: kind, description: text },
  });
}

export async function makeList(name: string, description: string | null): Promise<LeadList> {
  return body(await leadsApi.POST("/api/v1/lists", { body: { name, description } })) as LeadList;
}

export async function renameList(id: string, name: string): Promise<void> {
  await leadsApi.PATCH("/api/v1/lists/{list_id}", { params: { path: { list_id: id } }, body: { name } });
}

export async function deleteList(id: string): Promise<void> {
  await leadsApi.DELETE("/api/v1/lists/{list_id}", { params: { path: { list_id: id } } });
}

export async function putInto(list: string, whom: Whom): Promise<Schemas["MembersView"]> {
  const params = { path: { list_id: list } };
  return body(await leadsApi.POST("/api/v1/lists/{list_id}/members", { params, body: whom })) as Schemas["MembersView"];
}

export async function takeOutOf(list: string, lead: string): Promise<void> {
  const params = { path: { list_id: list } };
  await leadsApi.DELETE("/api/v1/lists/{list_id}/members", { params, body: { lead_ids: [lead] } });
}

export async function makeField(field: Sent<"post_field">): Promise<void> {
  await leadsApi.POST("/api/v1/fields", { body: field });
}

export async function relabelField(key: string, label: string): Promise<void> {
  await leadsApi.PATCH("/api/v1/fields/{key}", { params: { path: { key } }, body: { label } });
}

export async function deleteField(key: string): Promise<void> {
  await leadsApi.DELETE("/api/v1/fields/{key}", { params: { path: { key } } });
}

export async function makeForm(name: string, origins: string[]): Promise<void> {
  await leadsApi.POST("/api/v1/forms", { body: { name, origins } });
}

export async function changeForm(id: string, name: string, origins: string[]): Promise<void> {
  await leadsApi.PATCH("/api/v1/forms/{form_id}", { params: { path: { form_id: id } }, body: { name, origins } });
}

export async function deleteForm(id: string): Promise<void> {
  await leadsApi.DELETE("/api/v1/forms/{form_id}", { params: { path: { form_id: id } } });
}

export function forgetLeads(client: QueryClient): Promise<unknown> {
  return Promise.all(["lead", "leads", "lists"].map((name) => client.invalidateQueries({ queryKey: [name] })));
}

/** The lead as it is now, where a call was refused because somebody has changed it meanwhile. */
export function leadMeanwhile(error: unknown): Lead | null {
  if (!(error instanceof Problem) || error.code !== "moved_on") return null;
  return (error.body as unknown as { lead: Lead }).lead;
}
