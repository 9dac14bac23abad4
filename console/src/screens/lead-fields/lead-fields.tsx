import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { download, may, meQuery } from "../../api/calls.ts";
import { deleteField, fieldsQuery, type LeadField, makeField, relabelField } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { Changing, Making } from "../../parts/named.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { Things } from "../leads/things.tsx";
import { keyOf } from "./key.ts";

const TYPES: readonly LeadField["type"][] = ["string", "number", "boolean", "date"];

export function LeadFields() {
  const say = useLeadWords();
  const me = useQuery(meQuery).data;
  const fields = useQuery(fieldsQuery);
  const mayEdit = may(me, "EDIT_LEADS");
  const save = useMutation({ mutationFn: () => download("/api/v1/leads/template.csv", "leads-template.csv") });
  return (
    <Things
      making={mayEdit && <NewField />}
      things={fields}
      empty={{ title: "fields.empty", text: "fields.empty.text" }}
      columns={[{ title: "fields.label" }, { title: "fields.type" }, { title: "fields.key" }]}
      row={(field) => ({
        key: field.key,
        cells: (
          <>
            <td>
              <span className="name">{field.label}</span>
            </td>
            <td data-label={say("fields.type")}>{say(`fields.type.${field.type}`)}</td>
            <td data-label={say("fields.key")}>
              <code>{field.key}</code>
            </td>
          </>
        ),
      })}
      actions={mayEdit ? (field) => <FieldActions field={field} /> : undefined}
    >
      <div className="stack-small">
        <div className="line">
          <Button onPress={() => save.mutate()} isPending={save.isPending}>
            <Download size={16} aria-hidden="true" />
            {say("fields.template")}
          </Button>
        </div>
        {save.isError && <LeadTrouble error={save.error} />}
      </div>
    </Things>
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
