import { useInfiniteQuery } from "@tanstack/react-query";
import { getJson } from "../../api/calls.ts";
import type { Import } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Notice } from "../../parts/notice.tsx";
import { percents } from "../../words/percents.ts";
import { useNumbers, useWords } from "../../words/words.tsx";

interface Kept {
  /** Null where the lead has another chat by now. */
  readonly row: number | null;
  readonly lead_id: number;
  readonly reason: string;
  readonly detail: string;
}

export function UndoState({ found }: { found: Import }) {
  const say = useWords();
  const { undo } = found;
  if (!undo) return null;
  const { total, reversed, kept, failed } = undo;
  if (undo.state === "RUNNING") {
    const done = percents(reversed + kept + failed, total);
    return (
      <Notice title={say("undo.running", { done: reversed + kept + failed, total })}>
        <div
          className="progress"
          role="progressbar"
          aria-label={say("undo.running", { done: reversed + kept + failed, total })}
          aria-valuenow={done}
        >
          <div className="progress-done" style={{ width: `${done}%` }} />
        </div>
      </Notice>
    );
  }
  return (
    <Notice kind={kept + failed > 0 ? "warned" : "good"} title={say("undo.done", { reversed, kept, failed })} spoken>
      {kept > 0 && <KeptLeads id={found.id} kept={kept} />}
    </Notice>
  );
}

function KeptLeads({ id, kept }: { id: number; kept: number }) {
  const say = useWords();
  const { number } = useNumbers();
  const pages = useInfiniteQuery({
    queryKey: ["kept", id],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      getJson<{ items: Kept[]; next: string | null }>(
        `/imports/${id}/undo/kept${pageParam ? `?cursor=${pageParam}` : ""}`,
        signal,
      ),
    getNextPageParam: (last) => last.next,
  });
  return (
    <details className="details">
      <summary>{say("undo.kept", { kept })}</summary>
      <ul className="stack-small">
        {pages.data?.pages
          .flatMap((page) => page.items)
          .map((each) => (
            <li key={each.lead_id}>
              {each.row === null
                ? say("undo.keptLead", { lead: number(each.lead_id) })
                : say("undo.keptRow", { row: number(each.row) })}{" "}
              {each.detail || each.reason}
            </li>
          ))}
      </ul>
      {pages.hasNextPage && <Button onPress={() => void pages.fetchNextPage()}>{say("rows.more")}</Button>}
    </details>
  );
}
