import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { may, meQuery } from "../../api/calls.ts";
import { forgetLeads, leadQuery, leadThere, makeLead, type NewLead, SOURCES } from "../../api/leads.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { Notice } from "../../parts/notice.tsx";
import { useColleagues } from "../../parts/people.tsx";
import { stopAsking, useAskBeforeLeaving } from "../../shell/leaving.tsx";
import { Page } from "../../shell/page.tsx";
import { type LeadWord, useLeadWords } from "../../words/lead-words.tsx";
import type { Word } from "../../words/words.tsx";
import { faultsOf, Input, Leaving } from "../one-lead/edit.tsx";
import type { FormField } from "../one-lead/form.ts";

const FIELDS: readonly FormField[] = [
  { name: "name", kind: "text", word: "lead.name", required: true, most: 255 },
  { name: "email", kind: "email", word: "lead.email", required: true, most: 255 },
  { name: "phone", kind: "tel", word: "lead.phone", most: 64 },
  { name: "company", kind: "text", word: "lead.company", most: 255 },
  { name: "job_title", kind: "text", word: "lead.job_title", most: 255 },
  {
    name: "source",
    kind: "choice",
    word: "lead.source",
    options: SOURCES,
    wordOf: (option) => `lead.source.${option}` as Word,
  },
];
const PRIORITY: FormField = {
  name: "priority",
  kind: "choice",
  word: "lead.priority",
  options: ["low", "medium", "high"],
  wordOf: (option) => `lead.priority.${option}` as LeadWord,
};
const NOTES: FormField = { name: "notes", kind: "lines", word: "lead.notes" };
const USUAL: Readonly<Record<string, string>> = { source: "other", priority: "medium" };

/** A lead that a person writes down. Who has it already is shown before a second one is made. */
export function NewLeadScreen() {
  const say = useLeadWords();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [written, setWritten] = useState(USUAL);
  // Of what is written: the same while the same is sent again.
  const [key, setKey] = useState(() => crypto.randomUUID());
  const make = useMutation({
    mutationFn: (more: { allow_duplicate?: boolean }) =>
      makeLead(leadOf(written, more), more.allow_duplicate ? `${key}+` : key),
    onSuccess: async (id) => {
      await forgetLeads(client);
      stopAsking();
      go(`/leads/${id}`, { replace: true });
    },
  });
  useAskBeforeLeaving(written !== USUAL && !make.isSuccess);
  const write = (name: string, value: string) => {
    setWritten((all) => ({ ...all, [name]: value }));
    setKey(crypto.randomUUID());
    if (make.isError) make.reset();
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    make.mutate({});
  };
  const there = leadThere(make.error);
  const had = useQuery({ ...leadQuery(there ?? ""), enabled: there !== null });
  const faults = faultsOf(make.error);
  const input = (field: FormField) => (
    <Input
      key={field.name}
      field={field}
      value={written[field.name] ?? ""}
      fault={faults[field.name]}
      onChange={(value) => write(field.name, value)}
    />
  );
  return (
    <Page title={say("newLead.title")} narrow>
      <form className="stack" onSubmit={send}>
        <div className="fields">
          {FIELDS.map(input)}
          <Assigned value={written.assigned_to ?? ""} onChange={(value) => write("assigned_to", value)} />
          {input(PRIORITY)}
          {input(NOTES)}
        </div>
        {there && (
          <Notice kind="warned" title={say("newLead.exists")} spoken>
            <div className="stack-small">
              {had.data && (
                <p>
                  <strong>{had.data.name || say("lead.nameless")}</strong>
                  {[had.data.company, had.data.email, had.data.phone].filter(Boolean).map((each) => ` · ${each}`)}
                </p>
              )}
              <p>{say("newLead.exists.text")}</p>
              <div className="line">
                <ButtonLink to={`/leads/${there}`}>{say("newLead.exists.show")}</ButtonLink>
                <Button onPress={() => make.mutate({ allow_duplicate: true })} isPending={make.isPending}>
                  {say("newLead.exists.make")}
                </Button>
              </div>
            </div>
          </Notice>
        )}
        {make.isError && !there && <LeadTrouble error={make.error} />}
        <div className="line">
          <Button look="main" type="submit" isPending={make.isPending}>
            {say("newLead.make")}
          </Button>
          <ButtonLink to="/leads">{say("cancel")}</ButtonLink>
        </div>
      </form>
      <Leaving />
    </Page>
  );
}

/** What is sent of what was written: a blank field says nothing. */
function leadOf(written: Readonly<Record<string, string>>, more: { allow_duplicate?: boolean }): NewLead {
  const { assigned_to, ...texts } = Object.fromEntries(
    Object.entries(written).filter(([, value]) => value.trim() !== ""),
  );
  return { ...texts, ...(assigned_to && { assigned_to: Number(assigned_to) }), ...more } as unknown as NewLead;
}

function Assigned({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const say = useLeadWords();
  const me = useQuery(meQuery).data;
  const colleagues = useColleagues();
  if (!may(me, "ASSIGN_LEADS")) return null;
  return (
    <div className="field">
      <label htmlFor="new-assigned">{say("lead.assigned_to")}</label>
      <select id="new-assigned" className="select" value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{say("lead.nobody")}</option>
        {me && <option value={me.user_id}>{say("leads.mine")}</option>}
        {colleagues.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
