import { infiniteQueryOptions, useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Download, Upload } from "lucide-react";
import { download, getJson } from "../../api/calls.ts";
import { FIELDS, type Import, type Row } from "../../api/types.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { countsOf } from "../../parts/fates.tsx";
import { Notice } from "../../parts/notice.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { useFieldNames } from "../../words/fields.ts";
import { faultsOf, useReasons } from "../../words/reasons.ts";
import { useNumbers, useWords } from "../../words/words.tsx";
import type { Choice } from "./result.tsx";

const PAGE = 100;
const FORMATS = ["xlsx", "csv"] as const;
/** Of these the long form says what the short one does. */
const SAID_BY_THEMSELVES = ["name_missing", "phone_missing", "cpf_invalid", "email_invalid"];

function query(choice: Choice, more: Record<string, string>): string {
  const parts = new URLSearchParams(more);
  if (choice.outcome) parts.set("outcome", choice.outcome);
  if (choice.reason) parts.set("reason", choice.reason);
  return parts.toString();
}

function rowsQuery(id: number, choice: Choice) {
  return infiniteQueryOptions({
    queryKey: ["rows", id, choice.outcome, choice.reason],
    staleTime: Number.POSITIVE_INFINITY,
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const page = query(choice, { limit: String(PAGE), ...(pageParam && { cursor: pageParam }) });
      return getJson<{ items: Row[]; next: string | null }>(`/imports/${id}/rows?${page}`, signal);
    },
    getNextPageParam: (last) => last.next,
  });
}

interface Props {
  readonly found: Import;
  readonly chosen: Choice | null;
  readonly onChoice: (key: string | null) => void;
}

export function Rows({ found, chosen, onChoice }: Props) {
  const say = useWords();
  const { number } = useNumbers();
  const counts = countsOf(found);
  const others = found.total_existing + found.total_errors;
  const tabs = [
    { key: null, rows: others, label: say("rows.tab.others") },
    { key: "existing", rows: counts.existing, label: say("fate.existing") },
    { key: "error", rows: found.total_errors, label: say("fate.error") },
    // An API that tells reasons tells created rows, too.
    ...(found.reasons ? [{ key: "created", rows: counts.created, label: say("fate.created") }] : []),
  ];
  const shown: Choice = chosen ?? { outcome: null, reason: null };
  const expired = Boolean(found.rows_expired_at) && shown.outcome !== "created";
  return (
    <section className="stack" aria-labelledby="rows">
      <div className="line-apart">
        <h2 id="rows">{say("rows.title")}</h2>
        {others > 0 && !expired && shown.outcome !== "created" && <Reports found={found} shown={shown} />}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a line in all browsers */}
      <div className="choices" role="group" aria-labelledby="rows">
        {tabs.map((tab) => (
          <button
            key={tab.label}
            type="button"
            aria-pressed={shown.outcome === tab.key}
            onClick={() => onChoice(tab.key)}
          >
            {tab.label} {number(tab.rows)}
          </button>
        ))}
      </div>
      {expired && others > 0 ? (
        <Notice title={say("rows.expired")}>{say("rows.expired.text")}</Notice>
      ) : (
        <Table found={found} choice={shown} />
      )}
    </section>
  );
}

function Reports({ found, shown }: { found: Import; shown: Choice }) {
  const say = useWords();
  // What an API tells that also knows an import's parent.
  const counts = found.reasons;
  const rows =
    shown.reason && counts
      ? (counts[shown.reason] ?? 0)
      : shown.outcome === "existing"
        ? found.total_existing
        : shown.outcome === "error"
          ? found.total_errors
          : found.total_existing + found.total_errors;
  const save = useMutation({
    mutationFn: (format: string) =>
      download(`/imports/${found.id}/rows?${query(shown, { format })}`, `import-${found.id}.${format}`),
  });
  if (rows === 0) return null;
  return (
    <div className="line">
      {save.isError && <Trouble error={save.error} />}
      {FORMATS.map((format) => (
        <Button key={format} onPress={() => save.mutate(format)} isPending={save.isPending}>
          <Download size={16} aria-hidden="true" />
          {format === "xlsx" ? say("rows.download", { rows, format: "XLSX" }) : "CSV"}
        </Button>
      ))}
      {counts && (
        <ButtonLink to={`/imports/new?parent=${found.id}`}>
          <Upload size={16} aria-hidden="true" />
          {say("rows.sendCorrected")}
        </ButtonLink>
      )}
    </div>
  );
}

function Table({ found, choice }: { found: Import; choice: Choice }) {
  const say = useWords();
  const { number } = useNumbers();
  const rows = useInfiniteQuery(rowsQuery(found.id, choice));
  if (rows.isError) return <Trouble error={rows.error} again={() => void rows.refetch()} />;
  const items = rows.data?.pages.flatMap((page) => page.items) ?? [];
  if (rows.isSuccess && items.length === 0) return <p className="quiet">{say("rows.none")}</p>;
  const created = choice.outcome === "created";
  const widest = items.reduce((most, row) => Math.max(most, row.cells?.length ?? 0), 0);
  const columns = Array.from({ length: widest }, (_, at) => FIELDS[at]);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled from the keyboard, too */}
      <section className="table-frame rows" tabIndex={0} aria-labelledby="rows">
        <table className="table">
          <thead>
            <tr>
              <th scope="col" className="number">
                {say("rows.column.row")}
              </th>
              {!created && <th scope="col">{say("rows.column.why")}</th>}
              {created && (
                <>
                  <th scope="col">{say("field.name")}</th>
                  <th scope="col" className="number">
                    {say("rows.column.lead")}
                  </th>
                </>
              )}
              {columns.map((field, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
                <th scope="col" key={at}>
                  {field ? say(`field.${field}`) : ""}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.isPending && <WaitingRows />}
            {items.map((row) => (
              <tr key={row.row}>
                <td className="number">{number(row.row)}</td>
                {created ? (
                  <>
                    <td data-label={say("field.name")}>{row.name}</td>
                    <td className="number" data-label={say("rows.column.lead")}>
                      {row.lead_id !== undefined && number(row.lead_id)}
                    </td>
                  </>
                ) : (
                  <td className="why">
                    <Why row={row} />
                  </td>
                )}
                {columns.map((field, at) => (
                  <td
                    // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place
                    key={at}
                    className={`cell${row.cells?.[at]?.trim() ? "" : " blank"}`}
                    data-label={field ? say(`field.${field}`) : undefined}
                  >
                    {row.cells?.[at]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {rows.hasNextPage && (
        <div className="line">
          <Button onPress={() => void rows.fetchNextPage()} isPending={rows.isFetchingNextPage}>
            {say("rows.more")}
          </Button>
        </div>
      )}
    </>
  );
}

function Why({ row }: { row: Row }) {
  const nameOf = useFieldNames();
  const reason = useReasons();
  const faults = row.outcome === "error" ? faultsOf(row.detail) : [];
  return (
    <>
      <span className="line">
        <span
          className={`fate-swatch fate-${row.reason === "canceled" ? "canceled" : row.outcome}`}
          aria-hidden="true"
        />
        {reason(row.reason)}
      </span>
      {(faults.length > 1 || !SAID_BY_THEMSELVES.includes(row.reason)) &&
        faults.map(({ field, text }) => (
          <div key={`${field}${text}`} className="small quiet">
            {field && faults.length > 1 && `${nameOf(field)}: `}
            {text}
          </div>
        ))}
    </>
  );
}

function WaitingRows() {
  return ["first", "second", "third"].map((each) => (
    <tr key={each}>
      <td>
        <span className="skeleton" />
      </td>
      <td colSpan={6}>
        <span className="skeleton" style={{ width: "60%" }} />
      </td>
    </tr>
  ));
}
