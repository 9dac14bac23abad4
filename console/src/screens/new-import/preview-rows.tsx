// Rows as they stand in the file, with what will be stored under it where that differs; a faulty cell is mended in place.

import { PencilLine, Undo2 } from "lucide-react";
import { type KeyboardEvent, useState } from "react";
import type { AnyField, Column, Preview, PreviewedRow } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { useFieldNames } from "../../words/fields.ts";
import { useReasons } from "../../words/reasons.ts";
import { useNumbers, useWords } from "../../words/words.tsx";
import { choose, currentDraft, type Draft, showsOtherRows } from "./draft.ts";

const PAGE = 100;
const MOST_CORRECTED = 1_000;

interface Props {
  readonly draft: Draft;
  readonly preview: Preview;
  readonly chosen: string | null;
  readonly stale: boolean;
}

export function PreviewRows({ draft, preview, chosen, stale }: Props) {
  const say = useWords();
  const nameOf = useFieldNames();
  const reason = useReasons();
  const { number } = useNumbers();
  const messages = new Map(preview.errors.map((each) => [`${each.row}:${each.column ?? ""}`, each.message]));
  const rows = preview.rows.filter((row) => chosen === null || (row.reason ?? row.outcome) === chosen);
  const pages = preview.pages ?? Math.max(1, Math.ceil(preview.total_rows / PAGE));
  const wanted = chosen === null ? 0 : (preview.reasons[chosen] ?? preview.forecast?.created ?? 0);
  const corrected = Object.keys(draft.choices.corrections).length;
  return (
    <section className="stack" aria-labelledby="preview-rows">
      <div className="line-apart">
        <h2 id="preview-rows">{say("preview.title")}</h2>
        <div className="line small quiet">
          {corrected > 0 && (
            <>
              <PencilLine size={14} aria-hidden="true" />
              {say("preview.corrected", { rows: corrected })}
              <Button look="plain" onPress={() => choose({ corrections: {} })}>
                <Undo2 size={14} aria-hidden="true" />
                {say("preview.forget")}
              </Button>
            </>
          )}
          {chosen !== null && pages > 1 && say("preview.onThisPage", { shown: rows.length, rows: wanted })}
          <Pager page={preview.page} pages={pages} />
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled from the keyboard, too */}
      <section className={`table-frame rows${stale ? " stale" : ""}`} tabIndex={0} aria-labelledby="preview-rows">
        <table className="table preview">
          <thead>
            <tr>
              <th scope="col" className="number">
                {say("rows.column.row")}
              </th>
              <th scope="col">{say("preview.outcome")}</th>
              {preview.columns.map((column) => (
                <th scope="col" key={column.index} className={column.field ? undefined : "column-out"}>
                  {column.field && !column.is_new ? nameOf(column.field) : column.header}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.row}>
                <td className="number">{number(row.row)}</td>
                <td>
                  <Outcome row={row} />
                </td>
                {preview.columns.map((column) => (
                  <Cell
                    key={column.index}
                    row={row}
                    column={column}
                    message={messageOf(row, column.field)}
                    draft={draft}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && (
          <p className="quiet none">{say(preview.missing.length > 0 ? "preview.notYet" : "preview.none")}</p>
        )}
      </section>
    </section>
  );

  function messageOf(row: PreviewedRow, field: AnyField | null): string | null {
    if (!field) return null;
    const found = messages.get(`${row.row}:${field}`);
    if (found !== undefined) return found;
    if (row.outcome !== "error" || row.column !== field) return null;
    return row.reason === null ? "" : reason(row.reason);
  }
}

function Pager({ page, pages }: { page: number; pages: number }) {
  const say = useWords();
  if (pages < 2) return null;
  return (
    <nav className="line" aria-label={say("preview.pages")}>
      <Button look="plain" onPress={() => choose({ page: page - 1 })} isDisabled={page <= 1}>
        {say("preview.before")}
      </Button>
      {say("preview.page", { page, pages })}
      <Button look="plain" onPress={() => choose({ page: page + 1 })} isDisabled={page >= pages}>
        {say("preview.after")}
      </Button>
    </nav>
  );
}

function Outcome({ row }: { row: PreviewedRow }) {
  const say = useWords();
  const reason = useReasons();
  return (
    <span className="line nowrap">
      <span className={`fate-swatch fate-${row.outcome}`} aria-hidden="true" />
      {row.reason ? reason(row.reason) : say("preview.new")}
    </span>
  );
}

interface CellProps {
  readonly row: PreviewedRow;
  readonly column: Column;
  readonly message: string | null;
  readonly draft: Draft;
}

function Cell({ row, column, message, draft }: CellProps) {
  const nameOf = useFieldNames();
  const written = row.cells[column.index] ?? "";
  const { field } = column;
  const correction = field ? draft.choices.corrections[row.row]?.[field] : undefined;
  const full = Object.keys(draft.choices.corrections).length >= MOST_CORRECTED;
  if (field && !showsOtherRows(draft) && (correction !== undefined || (message !== null && !full))) {
    // By what is written: in another sheet a row of this number is another person's.
    const key = `${draft.choices.sheet}:${written}`;
    return <Mended key={key} row={row.row} field={field} written={written} correction={correction} message={message} />;
  }
  const stored = field ? storedOf(row, field) : null;
  const kind = field ? "" : " column-out";
  const blank = written.trim() === "" && message === null ? " blank" : "";
  return (
    <td
      className={`cell${kind}${blank}`}
      title={written}
      data-label={field && !column.is_new ? nameOf(field) : column.header}
    >
      <div className="cut">{written}</div>
      {stored !== null && stored !== written && <div className="small stored cut">→ {stored}</div>}
      {message !== null && <div className="said">{message}</div>}
    </td>
  );
}

interface MendedProps {
  readonly row: number;
  readonly field: AnyField;
  readonly written: string;
  readonly correction: string | undefined;
  readonly message: string | null;
}

function Mended({ row, field, written, correction, message }: MendedProps) {
  const say = useWords();
  const nameOf = useFieldNames();
  const [value, setValue] = useState(correction ?? written);
  const id = `cell-${row}-${field}`;
  const keepIt = () => {
    if (value === (correction ?? written)) return;
    const corrections = { ...currentDraft()?.choices.corrections };
    const own: Partial<Record<AnyField, string>> = { ...corrections[row], [field]: value };
    if (value === written) delete own[field];
    if (Object.keys(own).length > 0) corrections[row] = own;
    else delete corrections[row];
    choose({ corrections });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) keepIt();
    if (event.key === "Escape") setValue(correction ?? written);
  };
  return (
    <td className="cell mended" data-label={nameOf(field)}>
      <input
        id={id}
        className="input input-small"
        value={value}
        aria-label={say("preview.correct", { row, field: nameOf(field) })}
        aria-invalid={message !== null}
        aria-describedby={message !== null ? `${id}-said` : undefined}
        onChange={(event) => setValue(event.target.value)}
        onBlur={keepIt}
        onKeyDown={onKey}
      />
      {message !== null ? (
        <div id={`${id}-said`} className="said">
          {message}
        </div>
      ) : (
        <div className="small quiet cut">{say("preview.was", { written })}</div>
      )}
    </td>
  );
}

/** What will be stored of a cell, as people write it; null where nothing is. */
function storedOf(row: PreviewedRow, field: AnyField): string | null {
  const { stored } = row;
  if (!stored) return null;
  const more = (stored.more ?? {}) as Record<string, unknown>;
  const value = field in more ? more[field] : stored[field];
  if (field === "phone") return typeof value === "string" ? `+${stored.dial_code ?? ""} ${value}` : null;
  if (Array.isArray(value)) return value.length > 0 ? value.join(", ") : null;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}
