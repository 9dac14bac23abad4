import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeForm, deleteForm, formsQuery, type LeadForm, makeForm } from "../../api/leads.ts";
import { Changing, Making } from "../../parts/named.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { Things } from "../leads/things.tsx";
import { originsOf } from "./origins.ts";
import { Snippet } from "./snippet.tsx";

/** Forms that stand in the company's own pages and make leads. */
export function LeadForms() {
  const say = useLeadWords();
  const forms = useQuery(formsQuery);
  return (
    <Things
      making={!forms.isError && <NewForm />}
      things={forms}
      empty={{ title: "forms.empty", text: "forms.empty.text" }}
      columns={[{ title: "forms.name" }, { title: "forms.origins" }, { title: "forms.key" }]}
      row={(form) => ({
        key: form.id,
        cells: (
          <>
            <td>
              <span className="name">{form.name}</span>
            </td>
            <td data-label={say("forms.origins")} className="origins">
              {form.origins.length === 0 ? (
                <span className="quiet">{say("forms.origins.none")}</span>
              ) : (
                <ul>
                  {form.origins.map((origin) => (
                    <li key={origin}>{origin}</li>
                  ))}
                </ul>
              )}
            </td>
            <td data-label={say("forms.key")}>
              <code className="key">{form.key}</code>
            </td>
          </>
        ),
      })}
      actions={(form) => <FormActions form={form} />}
    />
  );
}

function NewForm() {
  const client = useQueryClient();
  const [origins, setOrigins] = useState("");
  const make = async (name: string) => {
    await makeForm(name, originsOf(origins).origins);
    setOrigins("");
    await client.invalidateQueries({ queryKey: formsQuery.queryKey });
  };
  return (
    <Making id="form-name" label="forms.new" example="forms.name.example" does="forms.make" make={make}>
      <Origins id="form-origins" value={origins} onChange={setOrigins} />
    </Making>
  );
}

interface OriginsProps {
  readonly id: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly tall?: boolean;
}

function Origins({ id, value, onChange, tall = false }: OriginsProps) {
  const say = useLeadWords();
  const shared = {
    id,
    value,
    placeholder: say("forms.origins.example"),
    "aria-describedby": `${id}-how`,
    spellCheck: false,
    onChange: ({ target }: { target: HTMLInputElement | HTMLTextAreaElement }) => {
      const [wrong] = originsOf(target.value).wrong;
      target.setCustomValidity(wrong ? say("forms.origins.wrong", { wrong }) : "");
      onChange(target.value);
    },
  };
  return (
    <div className="field">
      <label htmlFor={id}>{say("forms.origins")}</label>
      {tall ? (
        <textarea {...shared} className="input area" rows={4} />
      ) : (
        <input {...shared} className="input" inputMode="url" />
      )}
      <p id={`${id}-how`} className={tall ? "small quiet" : "only-heard"}>
        {say("forms.origins.how")}
      </p>
    </div>
  );
}

function FormActions({ form }: { form: LeadForm }) {
  const say = useLeadWords();
  const client = useQueryClient();
  const [origins, setOrigins] = useState<string | null>(null);
  const shown = () => client.invalidateQueries({ queryKey: formsQuery.queryKey });
  return (
    <Changing
      name={form.name}
      label="forms.name"
      verb="change"
      change={async (name) => {
        await changeForm(form.id, name, origins === null ? form.origins : originsOf(origins).origins);
        await shown();
      }}
      remove={async () => {
        await deleteForm(form.id);
        await shown();
      }}
      removed={{ text: say("forms.delete.text"), does: "forms.delete.do" }}
      onAsk={() => setOrigins(null)}
      before={<Snippet form={form} />}
    >
      <Origins id="changed-origins" value={origins ?? form.origins.join("\n")} onChange={setOrigins} tall />
    </Changing>
  );
}
