import { useQuery } from "@tanstack/react-query";
import { meQuery } from "../../api/calls.ts";
import type { Named } from "../../api/types.ts";
import { useWords } from "../../words/words.tsx";
import { choose, type Draft } from "./draft.ts";

const MOST_TAGS = 5;

export function Options({ draft, nameTaken }: { draft: Draft; nameTaken: string | null }) {
  const say = useWords();
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
          options={me?.sources ?? null}
          onChoice={(chosen) => choose({ source: chosen })}
        />
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
