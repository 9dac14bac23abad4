import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { LeadRow } from "../../api/leads.ts";
import { LeadBadge } from "../../parts/lead-status.tsx";
import { usePeople } from "../../parts/people.tsx";
import { useSources } from "../../parts/sources.tsx";
import { type LeadWord, useLeadWords } from "../../words/lead-words.tsx";
import { readablePhone } from "../../words/phones.ts";
import { useNumbers } from "../../words/words.tsx";
import type { Column } from "./columns.tsx";

const SKELETONS = ["first", "second", "third", "fourth", "fifth", "sixth"];
const NUMBERS: readonly Column[] = ["created_at", "updated_at"];

interface Props {
  readonly items: readonly LeadRow[];
  readonly columns: readonly Column[];
  readonly oldestFirst: boolean;
  readonly onOrder: () => void;
  /** What was found before, while another search is under way. */
  readonly old: boolean;
}

export function LeadsTable({ items, columns, oldestFirst, onOrder, old }: Props) {
  const say = useLeadWords();
  const Arrow = oldestFirst ? ArrowUp : ArrowDown;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrolled from the keyboard, too
    <section className="table-frame" tabIndex={0} aria-label={say("leads.title")} aria-busy={old}>
      <table className="table leads">
        <thead>
          <tr>
            <th scope="col">{say("lead.name")}</th>
            {columns.map((each) =>
              each === "created_at" ? (
                <th key={each} scope="col" className="number" aria-sort={oldestFirst ? "ascending" : "descending"}>
                  <button type="button" className="order" onClick={onOrder}>
                    {say("lead.created_at")}
                    <Arrow size={12} aria-hidden="true" />
                  </button>
                </th>
              ) : (
                <th key={each} scope="col" className={NUMBERS.includes(each) ? "number" : undefined}>
                  {say(`lead.${each}`)}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {items.map((lead, at) => (
            <LeadLine key={lead.id ?? at} lead={lead} columns={columns} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function LeadLine({ lead, columns }: { lead: LeadRow; columns: readonly Column[] }) {
  const say = useLeadWords();
  const cell = useCells();
  const name = lead.name || lead.email || say("lead.nameless");
  return (
    <tr>
      <td>
        {lead.id ? (
          <Link to={`/leads/${lead.id}`} className="name">
            {name}
          </Link>
        ) : (
          <span className="name">{name}</span>
        )}
        {!columns.includes("company") && lead.company && <div className="small quiet cut">{lead.company}</div>}
      </td>
      {columns.map((each) => (
        <td
          key={each}
          data-label={say(`lead.${each}`)}
          className={`lead-${each.replace("_", "-")}${NUMBERS.includes(each) ? " number" : ""}${lead[each] ? "" : " blank"}`}
        >
          {cell(lead, each)}
        </td>
      ))}
    </tr>
  );
}

function useCells(): (lead: LeadRow, column: Column) => ReactNode {
  const say = useLeadWords();
  const person = usePeople();
  const source = useSources();
  const { ago, moment } = useNumbers();
  return (lead, column) => {
    switch (column) {
      case "status":
        return <LeadBadge status={lead.status} />;
      case "channel":
        return say(`lead.channel.${lead.channel}`);
      case "source":
        return <span className="cut">{source(lead.source)}</span>;
      case "priority":
        return say(`lead.priority.${lead.priority}` as LeadWord);
      case "phone":
        return lead.phone && <span className="cut">{readablePhone(lead.phone)}</span>;
      case "assigned_to":
        return lead.assigned_to === null ? null : person(lead.assigned_to);
      case "created_at":
      case "updated_at":
        return (
          <time dateTime={lead[column]} title={moment(lead[column])}>
            {ago(lead[column], Date.now())}
          </time>
        );
      default:
        return lead[column] && <span className="cut">{lead[column]}</span>;
    }
  };
}

export function LeadsWaiting({ columns }: { columns: readonly Column[] }) {
  const say = useLeadWords();
  return (
    <div className="table-frame" aria-busy="true">
      <span className="only-heard">{say("app.loading")}</span>
      <table className="table leads" aria-hidden="true">
        <tbody>
          {SKELETONS.map((each) => (
            <tr key={each}>
              <td>
                <span className="skeleton" style={{ width: 160 }} />
              </td>
              {columns.map((column) => (
                <td key={column}>
                  <span className="skeleton" style={{ width: 80 }} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
