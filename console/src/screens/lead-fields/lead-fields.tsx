import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { type FormEvent, useState } from "react";
import { download, may, meQuery } from "../../api/calls.ts";
import { deleteField, fieldsQuery, type LeadField, makeField, relabelField } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
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
          <Button onPress={() => save.mutate()} isDisabled={save.isPending}>
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
  const [label, setLabel] = useState("");
  const [type, setType] = useState<LeadField["type"]>("string");
  const make = useMutation({
    mutationFn: () => makeField({ key: keyOf(label), label: label.trim(), type }),
    onSuccess: () => {
      setLabel("");
      return client.invalidateQueries({ queryKey: ["fields"] });
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form className="stack" onSubmit={send}>
      <div className="making">
        <div className="field">
          <label htmlFor="field-label">{say("fields.new")}</label>
          <input
            id="field-label"
            className="input"
            required
            maxLength={255}
            placeholder={say("fields.label")}
            value={label}
            onChange={(event) => setLabel(event.target.value)}
          />
        </div>
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
        <Button look="main" type="submit" isDisabled={make.isPending}>
          {say("fields.make")}
        </Button>
      </div>
      {make.isError && <LeadTrouble error={make.error} />}
    </form>
  );
}

function FieldActions({ field }: { field: LeadField }) {
  const say = useLeadWords();
  const client = useQueryClient();
  const [asked, setAsked] = useState<"rename" | "delete" | null>(null);
  const [label, setLabel] = useState(field.label);
  const act = useMutation({
    mutationFn: () => (asked === "rename" ? relabelField(field.key, label) : deleteField(field.key)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["fields"] });
      setAsked(null);
    },
  });
  const close = () => {
    setAsked(null);
    setLabel(field.label);
    act.reset();
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    act.mutate();
  };
  return (
    <div className="line">
      <Button
        look="plain"
        aria-label={say("lists.renameOne", { list: field.label })}
        onPress={() => setAsked("rename")}
      >
        {say("lists.rename")}
      </Button>
      <Button
        look="plain"
        aria-label={say("lists.deleteOne", { list: field.label })}
        onPress={() => setAsked("delete")}
      >
        {say("lead.delete")}
      </Button>
      <Dialog
        title={
          asked ? say(asked === "rename" ? "lists.rename.title" : "lists.delete.title", { list: field.label }) : ""
        }
        open={asked !== null}
        onClose={close}
      >
        <form className="stack" onSubmit={send}>
          {asked === "rename" ? (
            <div className="field">
              <label htmlFor="rename-field">{say("fields.label")}</label>
              <input
                id="rename-field"
                className="input"
                required
                maxLength={255}
                value={label}
                onChange={(event) => setLabel(event.target.value)}
              />
            </div>
          ) : (
            <p>{say("fields.delete.text")}</p>
          )}
          {act.isError && <LeadTrouble error={act.error} />}
          <div className="dialog-actions">
            <Button onPress={close}>{say("cancel")}</Button>
            <Button look={asked === "rename" ? "main" : "danger"} type="submit" isDisabled={act.isPending}>
              {asked === "rename" ? say("lists.rename") : say("fields.delete.do")}
            </Button>
          </div>
        </form>
      </Dialog>
    </div>
  );
}
