import { useQuery } from "@tanstack/react-query";
import { ListFilter, Search } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { fieldsQuery, listsQuery, STATUSES } from "../../api/leads.ts";
import type { Me } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { useColleagues } from "../../parts/people.tsx";
import { useSources } from "../../parts/sources.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { FILTERS, type Filter, isFiltered, NOTHING, type Sought, seek, type Wanted } from "./wanted.ts";

const TYPING_MS = 250;
const CHANNELS = ["IMPORT", "FORM", "MANUAL"] as const;

interface Props {
  readonly wanted: Wanted;
  readonly want: (changed: Partial<Record<Filter, string>>) => void;
  readonly sought: Sought;
  readonly me: Me | null;
  /** Where the columns are the statuses. */
  readonly ofBoard?: boolean;
}

export function Filters({ wanted, want, sought, me, ofBoard = false }: Props) {
  const say = useLeadWords();
  const sourceName = useSources();
  const colleagues = useColleagues();
  const [open, setOpen] = useState(false);
  const chosen = FILTERS.filter((filter) => filter !== "status" && wanted[filter]).length + (sought.field ? 1 : 0);
  const clear = () => {
    want(Object.fromEntries(FILTERS.map((filter) => [filter, ""])));
    seek(NOTHING);
  };
  return (
    <section className="stack filters-of-leads" aria-label={say("leads.filters")}>
      <div className="filters">
        <SearchField text={sought.text} />
        {!ofBoard && (
          // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a line in all browsers
          <div className="choices" role="group" aria-label={say("lead.status")}>
            {[undefined, ...STATUSES].map((each) => (
              <button
                key={each ?? "all"}
                type="button"
                aria-pressed={wanted.status === each}
                onClick={() => want({ status: each ?? "" })}
              >
                {each ? say(`lead.status.${each}`) : say("leads.all")}
              </button>
            ))}
          </div>
        )}
      </div>
      <button
        type="button"
        className="button filters-more"
        aria-expanded={open}
        aria-controls="more-filters"
        onClick={() => setOpen(!open)}
      >
        <ListFilter size={16} aria-hidden="true" />
        {say("leads.more.filters", { chosen })}
      </button>
      <div className="filters" id="more-filters">
        <Choice
          wanted={wanted}
          want={want}
          filter="channel"
          options={CHANNELS.map((each) => [each, say(`lead.channel.${each}`)])}
        />
        <Choice
          wanted={wanted}
          want={want}
          filter="source"
          options={(me?.sources ?? []).map((each) => [each.id, sourceName(each.name)])}
        />
        {me && (
          <Choice
            wanted={wanted}
            want={want}
            filter="assigned_to"
            options={[[me.user_id, say("leads.mine")], ...colleagues.map(({ id, name }) => [id, name] as const)]}
          />
        )}
        <Lists wanted={wanted} want={want} />
        {me && me.tags.length > 0 && (
          <Choice wanted={wanted} want={want} filter="tag" options={me.tags.map((each) => [each.id, each.name])} />
        )}
        <Day wanted={wanted} want={want} filter="from" />
        <Day wanted={wanted} want={want} filter="to" />
        <OwnField sought={sought} />
        {wanted.import_id && (
          <Button onPress={() => want({ import_id: "" })}>
            {say("leads.ofImport", { id: wanted.import_id })}
            <span aria-hidden="true">×</span>
          </Button>
        )}
        {isFiltered(wanted, sought) && (
          <Button look="plain" onPress={clear}>
            {say("leads.clear")}
          </Button>
        )}
      </div>
    </section>
  );
}

/** Looks as one types, a moment after the last letter. */
function SearchField({ text }: { text: string }) {
  const say = useLeadWords();
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => seek({ text: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, text]);
  const latest = useRef(typed);
  latest.current = typed;
  // Who goes to a lead before that moment is over finds the search again when coming back.
  useEffect(() => () => seek({ text: latest.current }), []);
  return (
    <div className="search">
      <Search size={16} aria-hidden="true" />
      <input
        type="search"
        className="input"
        aria-label={say("leads.search")}
        placeholder={say("leads.search.what")}
        maxLength={255}
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </div>
  );
}

interface OneProps {
  readonly wanted: Wanted;
  readonly want: Props["want"];
  readonly filter: Filter;
}

function Choice({
  wanted,
  want,
  filter,
  options,
}: OneProps & { options: readonly (readonly [string | number, string])[] }) {
  const say = useLeadWords();
  const value = wanted[filter] ?? "";
  // What the address asks for and nobody offers is shown all the same.
  const unknown = value !== "" && !options.some(([each]) => String(each) === value);
  return (
    <Labelled filter={filter} chosen={value !== ""}>
      <select
        id={`filter-${filter}`}
        className="select"
        value={value}
        onChange={(event) => want({ [filter]: event.target.value })}
      >
        <option value="">{say("leads.any")}</option>
        {unknown && <option value={value}>{value}</option>}
        {options.map(([each, label]) => (
          <option key={each} value={each}>
            {label}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

function Labelled({ filter, chosen, children }: { filter: Filter; chosen: boolean; children: ReactNode }) {
  const say = useLeadWords();
  return (
    <div className={`field filter${chosen ? " filter-chosen" : ""}`}>
      <label htmlFor={`filter-${filter}`}>{say(`leads.filter.${filter}` as "leads.filter.channel")}</label>
      {children}
    </div>
  );
}

function Lists(props: Omit<OneProps, "filter">) {
  const lists = useQuery(listsQuery).data ?? [];
  if (lists.length === 0 && !props.wanted.list_id) return null;
  return <Choice {...props} filter="list_id" options={lists.map((each) => [each.id, each.name])} />;
}

function Day({ wanted, want, filter }: OneProps) {
  return (
    <Labelled filter={filter} chosen={Boolean(wanted[filter])}>
      <input
        id={`filter-${filter}`}
        type="date"
        className="input"
        value={wanted[filter] ?? ""}
        onChange={(event) => want({ [filter]: event.target.value })}
      />
    </Labelled>
  );
}

function OwnField({ sought }: { sought: Sought }) {
  const say = useLeadWords();
  const fields = useQuery(fieldsQuery).data ?? [];
  const chosen = fields.find((each) => each.key === sought.field?.key);
  if (fields.length === 0) return null;
  const write = (value: string) => chosen && seek({ field: { key: chosen.key, type: chosen.type, value } });
  return (
    <>
      <div className={`field filter${chosen ? " filter-chosen" : ""}`}>
        <label htmlFor="filter-field">{say("leads.filter.field")}</label>
        <select
          id="filter-field"
          className="select"
          value={chosen?.key ?? ""}
          onChange={(event) => {
            const field = fields.find((each) => each.key === event.target.value);
            seek({ field: field ? { key: field.key, type: field.type, value: "" } : null });
          }}
        >
          <option value="">{say("leads.any")}</option>
          {fields.map((each) => (
            <option key={each.key} value={each.key}>
              {each.label}
            </option>
          ))}
        </select>
      </div>
      {chosen && (
        <div className="field filter">
          <label htmlFor="filter-value">{say("leads.filter.is", { field: chosen.label })}</label>
          {chosen.type === "boolean" ? (
            <select
              id="filter-value"
              className="select"
              value={sought.field?.value}
              onChange={(event) => write(event.target.value)}
            >
              <option value="">{say("leads.any")}</option>
              <option value="true">{say("lead.yes")}</option>
              <option value="false">{say("lead.no")}</option>
            </select>
          ) : (
            <input
              id="filter-value"
              className="input"
              type={chosen.type === "string" ? "text" : chosen.type}
              value={sought.field?.value}
              onChange={(event) => write(event.target.value)}
            />
          )}
        </div>
      )}
    </>
  );
}
