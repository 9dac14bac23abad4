// The calls of the API that screens make, and how long their answers are good for.

import { infiniteQueryOptions, type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body, fetchSignedIn } from "./client.ts";
import { Problem, problemOf } from "./problems.ts";
import type { Import, ImportPage, ImportStatus, Me, OwnField } from "./types.ts";

const RUNNING_MS = 3_000;
const PAGE = 25;

export interface Filters {
  readonly status: ImportStatus | null;
  readonly account: number | null;
}

export function importsQuery({ status, account }: Filters) {
  return infiniteQueryOptions({
    queryKey: ["imports", status, account],
    initialPageParam: null as number | null,
    queryFn: async ({ pageParam, signal }) => {
      const query = {
        limit: PAGE,
        ...(pageParam !== null && { cursor: pageParam }),
        ...(status && { status }),
        ...(account && { account_id: account }),
      };
      return body(await api.GET("/imports", { params: { query }, signal })) as ImportPage;
    },
    getNextPageParam: (last) => (last.next === null ? null : Number(last.next)),
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some((each) => each.status === "PROCESSING" || isUndone(each)))
        ? RUNNING_MS
        : false,
  });
}

function isUndone(each: Import): boolean {
  return each.undo?.state === "RUNNING";
}

export function importQuery(id: number) {
  return queryOptions({
    queryKey: ["import", id],
    queryFn: async ({ signal }) =>
      body(await api.GET("/imports/{import_id}", { params: { path: { import_id: id } }, signal })) as Import,
  });
}

/** Who is signed in, and what may be chosen; null where the API has no such call. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  staleTime: 60_000,
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      return await getJson<Me>("/me", signal);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  },
});

/** Whether the person may do this with leads; the API decides, and where it has not said so yet it is asked. */
export function may(me: Me | null | undefined, permission: string): boolean {
  const { permissions } = me ?? {};
  return !permissions || Boolean(permissions.LEADS?.includes(permission));
}

/** Fields of the company's own; none where leads are not served, or not for this person. */
export const ownFieldsQuery = queryOptions({
  queryKey: ["fields"],
  staleTime: 60_000,
  queryFn: async ({ signal }): Promise<OwnField[]> => {
    try {
      return (await getJson<{ items: OwnField[] }>("/api/v1/fields", signal)).items;
    } catch (error) {
      if (error instanceof Problem && (error.status === 404 || error.status === 403)) return [];
      throw error;
    }
  },
});

export async function deleteImport(id: number): Promise<void> {
  await api.DELETE("/imports/{import_id}", { params: { path: { import_id: id } } });
}

export function forget(client: QueryClient, id: number): Promise<unknown> {
  return Promise.all([
    client.invalidateQueries({ queryKey: ["import", id] }),
    client.invalidateQueries({ queryKey: ["imports"] }),
    client.invalidateQueries({ queryKey: ["rows", id] }),
    client.invalidateQueries({ queryKey: ["me"] }),
  ]);
}

async function answered(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  throw problemOf(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}

/** A call that the committed OpenAPI document may not have yet. */
export async function getJson<Data>(path: string, signal: AbortSignal): Promise<Data> {
  return (await answered(await fetchSignedIn(new Request(path, { signal })))).json() as Promise<Data>;
}

export async function post<Data>(path: string): Promise<Data> {
  return (await answered(await fetchSignedIn(new Request(path, { method: "POST" })))).json() as Promise<Data>;
}

/** Fetches a file with the person's token, which no link could carry, and gives it to the browser to save. */
export async function download(path: string, fallbackName: string): Promise<void> {
  const answer = await answered(await fetchSignedIn(new Request(path), { endless: true }));
  const name = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? fallbackName;
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
