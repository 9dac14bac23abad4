// A card a column of the file: what it holds, with samples, and how much of it is well.

import { useQuery } from "@tanstack/react-query";
import { ownFieldsQuery } from "../../api/calls.ts";
import { type AnyField, type Column, FIELDS, type Field, MORE_FIELDS } from "../../api/types.ts";
import { Notice } from "../../parts/notice.tsx";
import { useFieldNames } from "../../words/fields.ts";
import { useNumbers, useWords } from "../../words/words.tsx";
import { choose, currentDraft, type Draft, fillsNothing } from "./draft.ts";
import { remember } from "./remembered.ts";

/** In place of a field: the column becomes one of the company's own. */
const KEEP = "keep";

interface Props {
  readonly draft: Draft;
  readonly columns: readonly Column[];
  readonly missing: readonly string[];
}

export function Columns({ draft, columns, missing }: Props) {
  const say = useWords();
  return (
    <section className="stack" aria-labelledby="file-columns">
      <h2 id="file-columns">{say("columns.title")}</h2>
      {missing.length > 0 && (
        <Notice kind="error" title={say("columns.missing.title", { count: missing.length })}>
          {say("columns.missing.text", {
            fields: missing.map((each) => (isField(each) ? say(`field.${each}`) : each)).join(", "),
          })}
          {columns.every((each) => each.field === null) && <p>{say("columns.missing.firstRow")}</p>}
        </Notice>
      )}
      <ul className="columns">
        {columns.map((column) => (
          <Card key={column.index} column={column} all={columns} keeps={draft.choices.kept.includes(column.header)} />
        ))}
      </ul>
    </section>
  );
}

function isField(text: string): text is Field {
  return FIELDS.some((each) => each === text);
}

/** One column holds a field: whichever had it before holds none. */
function hold(column: Column, field: AnyField | typeof KEEP | null, all: readonly Column[]): void {
  const choices = currentDraft()?.choices;
  if (!choices) return;
  const mapping = { ...choices.mapping };
  const kept = choices.kept.filter((each) => each !== column.header);
  if (field === KEEP) {
    kept.push(column.header);
    delete mapping[column.header];
  } else {
    for (const other of all) if (field && other.field === field && other !== column) mapping[other.header] = null;
    mapping[column.header] = field;
  }
  choose({ mapping, kept, page: 1 });
  // At once, and not when the import is sent: a page that is loaded anew before that loses its file, and not this work.
  const fieldOf = (each: Column) => (each.header in mapping ? (mapping[each.header] ?? null) : each.field);
  void remember(
    all.map((each) => ({ ...each, field: fieldOf(each) })),
    kept,
  );
}

function Card({ column, all, keeps }: { column: Column; all: readonly Column[]; keeps: boolean }) {
  const say = useWords();
  const nameOf = useFieldNames();
  const { data: own = [], isSuccess: areOwnKnown } = useQuery(ownFieldsQuery);
  const choices: AnyField[] = [...FIELDS, ...MORE_FIELDS, ...own.map(({ key }) => `custom:${key}` as const)];
  const { number } = useNumbers();
  const id = `column-${column.index}`;
  const { valid, invalid, empty } = column;
  const may = keeps || column.field === null;
  return (
    <li className={`card column${column.field ? "" : " column-out"}`}>
      <label htmlFor={id} className="cut">
        {column.header || say("columns.noHeader", { at: column.index + 1 })}
      </label>
      <select
        id={id}
        className="select"
        value={keeps ? KEEP : (column.field ?? "")}
        onChange={({ target: { value } }) =>
          hold(column, value === KEEP ? KEEP : (choices.find((each) => each === value) ?? null), all)
        }
      >
        <option value="">{say("columns.leftOut")}</option>
        {may && column.header && <option value={KEEP}>{say("columns.keep")}</option>}
        {choices.map((field) => (
          <option key={field} value={field}>
            {nameOf(field)}
          </option>
        ))}
      </select>
      <ul className="samples small quiet">
        {column.samples.slice(0, 3).map((sample, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the same value may stand twice
          <li key={at} className="cut">
            {sample}
          </li>
        ))}
      </ul>
      {keeps && <p className="small">{keptAs()}</p>}
      {column.field && (
        <div className="stack-small column-foot">
          <div className="fates" aria-hidden="true">
            {valid > 0 && <div className="fate fate-created" style={{ flexGrow: valid, flexBasis: 0 }} />}
            {invalid > 0 && <div className="fate fate-error" style={{ flexGrow: invalid, flexBasis: 0 }} />}
            {empty > 0 && <div className="fate fate-left" style={{ flexGrow: empty, flexBasis: 0 }} />}
          </div>
          <p className="small quiet">
            <strong>{number(valid)}</strong> {say("columns.valid", { count: valid })}
            {invalid > 0 && (
              <>
                {" · "}
                <strong className="said">{number(invalid)}</strong> {say("columns.invalid", { count: invalid })}
              </>
            )}
            {empty > 0 && (
              <>
                {" · "}
                <strong>{number(empty)}</strong> {say("columns.empty", { count: empty })}
              </>
            )}
          </p>
        </div>
      )}
    </li>
  );

  /** What a column that is kept becomes, once the API has said so. */
  function keptAs(): string {
    if (!column.field) return valid === 0 ? say("columns.keep.nothing") : say("check.looking");
    if (areOwnKnown && fillsNothing(column, own)) return say("columns.keep.none");
    if (!column.is_new) return say("columns.keep.there", { field: nameOf(column.field) });
    return say("columns.keep.new", { type: say(`columns.type.${column.type ?? "string"}`) });
  }
}
