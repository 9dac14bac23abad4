import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { download, may, meQuery } from "../../api/calls.ts";
import { deleteField, fieldsQuery, type LeadField, makeField, relabelField } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { Changing, Making } from "../../parts/named.tsx";
import { Page } from "../../shell/page.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { Tabs } from "../leads/tabs.tsx";
import { Waiting } from "../one-lead/one-lead.tsx";
import { keyOf } from "./key.ts";

const TYPES: readonly LeadField["type"][] = ["string", "number", "boolean", "date"];

export function LeadFields() {
  const say = useLeadWords();
  const me = useQuery(meQuery).data;
  const fields = useQuery(fieldsQuery);
  const mayEdit = may(me, "EDIT_LEADS");
  const save = useMutation({ mutationFn: () => download("/api/v1/leads/template.csv", "leads-template.csv") });
  return (
    <Page title={say("leads.title")} under={<Tabs />}>
      {mayEdit && <NewField />}
      {fields.isError && <LeadTrouble error={fields.error} again={() => void fields.refetch()} />}
      {fields.isPending && <Waiting />}
      {fields.data?.length === 0 && (
        <section className="empty">
          <h2>{say("fields.empty")}</h2>
          <p className="quiet">{say("fields.empty.text")}</p>
        </section>
      )}
      {fields.data && fields.data.length > 0 && (
        <div className="table-frame">
          <table className="table leads">
            <thead>
              <tr>
                <th scope="col">{say("fields.label")}</th>
                <th scope="col">{say("fields.type")}</th>
                <th scope="col">{say("fields.key")}</th>
                {mayEdit && (
                  <th scope="col">
                    <span className="only-heard">{say("lead.actions")}</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {fields.data.map((field) => (
                <tr key={field.key}>
                  <td>
                    <span className="name">{field.label}</span>
                  </td>
                  <td data-label={say("fields.type")}>{say(`fields.type.${field.type}`)}</td>
                  <td data-label={say("fields.key")}>
                    <code>{field.key}</code>
                  </td>
                  {mayEdit && (
                    <td className="actions">
                      <FieldActions field={field} />
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div className="stack-small">
        <div className="line">
          <Button onPress={() => save.mutate()} isPending={save.isPending}>
            <Download size={16} aria-hidden="true" />
            {say("fields.template")}
          </Button>
        </div>
        {save.isError && <LeadTrouble error={save.error} />}
      </div>
    </Page>
  );
}

function NewField() {
  const say = useLeadWords();
  const client = useQueryClient();
  const [type, setType] = useState<LeadField["type"]>("string");
  const make = async (label: string) => {
    await makeField({ key: keyOf(label), label, type });
    await client.invalidateQueries({ queryKey: ["fields"] });
  };
  return (
    <Making id="field-label" label="fields.new" example="fields.label" does="fields.make" make={make}>
      <div className="field">
        <label htmlFor="field-type">{say("fields.type")}</label>
        <select
          id="field-type"
          className="select"
          value={type}
          onChange={(event) => setType(event.target.value as LeadField["type"])}
        >
          {TYPES.map((each) => (
            <option key={each} value={each}>
              {say(`fields.type.${each}`)}
            </option>
          ))}
        </select>
      </div>
    </Making>
  );
}

function FieldActions({ field }: { field: LeadField }) {
  const say = useLeadWords();
  const client = useQueryClient();
  const shown = () => client.invalidateQueries({ queryKey: ["fields"] });
  return (
    <Changing
      name={field.label}
      label="fields.label"
      change={async (label) => {
        await relabelField(field.key, label);
        await shown();
      }}
      remove={async () => {
        await deleteField(field.key);
        await shown();
      }}
      removed={{ text: say("fields.delete.text"), does: "fields.delete.do" }}
    />
  );
}
