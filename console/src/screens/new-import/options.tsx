import { useQuery } from "@tanstack/react-query";
import { may, meQuery } from "../../api/calls.ts";
import { listsQuery } from "../../api/leads.ts";
import type { Choices, Named } from "../../api/types.ts";
import { useSources } from "../../parts/sources.tsx";
import { useWords } from "../../words/words.tsx";
import { choose, type Draft } from "./draft.ts";

const MOST_TAGS = 5;

interface Props {
  readonly draft: Draft;
  readonly nameTaken: string | null;
  readonly listTaken: string | null;
}

export function Options({ draft, nameTaken, listTaken }: Props) {
  const say = useWords();
  const sourceName = useSources();
  const me = useQuery(meQuery).data ?? null;
  const { name, account, source, tags, invalid } = draft.choices;
  const errors = draft.preview?.forecast?.errors ?? 0;
  return (
    <section className="stack" aria-labelledby="options">
      <h2 id="options">{say("options.title")}</h2>
      <div className="fields">
        <div className="field field-wide">
          <label htmlFor="import-name">{say("options.name")}</label>
          <input
            id="import-name"
            className="input"
            value={name}
            maxLength={255}
            required
            aria-describedby={nameTaken ? "name-taken" : undefined}
            onChange={(event) => choose({ name: event.target.value })}
          />
          {nameTaken && (
            <p id="name-taken" className="said" role="alert">
              {say("options.nameTaken", { name: nameTaken })}
            </p>
          )}
        </div>
        <Reference
          id="account"
          label={say("options.account")}
          value={account}
          options={me?.accounts ?? null}
          onChoice={(chosen) => choose({ account: chosen })}
        />
        <Reference
          id="source"
          label={say("options.source")}
          value={source}
          options={me?.sources.map((each) => ({ ...each, name: sourceName(each.name) })) ?? null}
          onChoice={(chosen) => choose({ source: chosen })}
        />
        {may(me, "VIEW_LEADS") && (
          <IntoList choices={draft.choices} taken={listTaken} mayMake={may(me, "EDIT_LEADS")} />
        )}
      </div>
      {me && me.tags.length > 0 && (
        <fieldset className="tags">
          <legend>{say("options.tags", { most: MOST_TAGS })}</legend>
          {me.tags.map((tag) => (
            <label key={tag.id} className="tag">
              <input
                type="checkbox"
                checked={tags.includes(tag.id)}
                disabled={!tags.includes(tag.id) && tags.length >= MOST_TAGS}
                onChange={(event) =>
                  choose({ tags: event.target.checked ? [...tags, tag.id] : tags.filter((each) => each !== tag.id) })
                }
              />
              {tag.name}
            </label>
          ))}
        </fieldset>
      )}
      <label className="policy option">
        <input
          type="checkbox"
          checked={draft.choices.silent}
          aria-describedby="silent-text"
          onChange={(event) => choose({ silent: event.target.checked })}
        />
        <span>
          {say("options.silent")}
          <span id="silent-text" className="small quiet option-text">
            {say("options.silent.text")}
          </span>
        </span>
      </label>
      {(errors > 0 || !draft.preview) && (
        <fieldset className="policies">
          <legend>{say("options.invalid", { errors })}</legend>
          {(["skip", "reject"] as const).map((each) => (
            <label key={each} className="policy">
              <input
                type="radio"
                name="invalid"
                checked={invalid === each}
                onChange={() => choose({ invalid: each })}
              />
              {say(`options.${each}`)}
            </label>
          ))}
        </fieldset>
      )}
    </section>
  );
}

const NEW = "new";

/** The list that the leads are put into: one that there is, or one that is made with the import. */
function IntoList({ choices, taken, mayMake }: { choices: Choices; taken: string | null; mayMake: boolean }) {
  const say = useWords();
  const lists = useQuery(listsQuery).data ?? [];
  const { list, newList } = choices;
  const isNew = newList !== null;
  const isTaken = taken !== null && taken === newList?.trim();
  if (!mayMake && lists.length === 0) return null;
  return (
    <>
      <div className="field">
        <label htmlFor="list">{say("options.list")}</label>
        <select
          id="list"
          className="select"
          value={isNew ? NEW : (list ?? "")}
          onChange={({ target: { value } }) =>
            choose(value === NEW ? { list: null, newList: "" } : { list: value || null, newList: null })
          }
        >
          <option value="">{say("options.list.none")}</option>
          {mayMake && <option value={NEW}>{say("options.list.new")}</option>}
          {lists.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
      </div>
      {isNew && (
        <div className="field">
          <label htmlFor="new-list">{say("options.list.name")}</label>
          <input
            id="new-list"
            className="input"
            value={newList}
            maxLength={255}
            required
            aria-invalid={isTaken}
            aria-describedby={isTaken ? "list-taken" : undefined}
            onChange={(event) => choose({ newList: event.target.value })}
          />
          {isTaken && (
            <p id="list-taken" className="said" role="alert">
              {say("options.list.taken", { name: taken ?? "" })}
            </p>
          )}
        </div>
      )}
    </>
  );
}

interface ReferenceProps {
  readonly id: string;
  readonly label: string;
  readonly value: number | null;
  /** Null where the API does not tell them: then the id is written. */
  readonly options: readonly Named[] | null;
  readonly onChoice: (id: number | null) => void;
}

function Reference({ id, label, value, options, onChoice }: ReferenceProps) {
  const say = useWords();
  const take = (text: string) => onChoice(Number(text) || null);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {options ? (
        <select id={id} className="select" value={value ?? ""} onChange={(event) => take(event.target.value)}>
          <option value="">{say("options.choose")}</option>
          {options.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          className="input"
          inputMode="numeric"
          value={value ?? ""}
          onChange={(event) => take(event.target.value)}
        />
      )}
    </div>
  );
}
