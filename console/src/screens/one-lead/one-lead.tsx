import { useQuery } from "@tanstack/react-query";
import { Handshake, Pencil } from "lucide-react";
import type { ReactNode } from "react";
import { may, meQuery } from "../../api/calls.ts";
import { fieldsQuery, type Lead, leadQuery } from "../../api/leads.ts";
import { Problem } from "../../api/problems.ts";
import { ButtonLink } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { useSources } from "../../parts/sources.tsx";
import { Page } from "../../shell/page.tsx";
import { type LeadWord, useLeadWords } from "../../words/lead-words.tsx";
import { readablePhone } from "../../words/phones.ts";
import { useNumbers } from "../../words/words.tsx";
import { Assignee } from "./assign.tsx";
import { Convert } from "./convert.tsx";
import { DeleteLead } from "./delete.tsx";
import { History } from "./history.tsx";
import { Memberships } from "./lists.tsx";
import { Path } from "./path.tsx";

export function OneLead({ id }: { id: string }) {
  const say = useLeadWords();
  const me = useQuery(meQuery).data;
  const found = useQuery(leadQuery(id));
  const lead = found.data;
  if (!lead) {
    return (
      <Page
        title={say("lead.title")}
        actions={found.isError && <ButtonLink to="/leads">{say("lead.toLeads")}</ButtonLink>}
      >
        {found.isError ? (
          <LeadTrouble error={withoutSuch(found.error)} again={() => void found.refetch()} />
        ) : (
          <Waiting />
        )}
      </Page>
    );
  }
  return (
    <Page
      title={lead.name || lead.email || say("lead.nameless")}
      under={<About lead={lead} />}
      actions={
        <>
          {may(me, "CONVERT_LEADS") && !lead.opportunity_id && <Convert lead={lead} />}
          {may(me, "EDIT_LEADS") && (
            <ButtonLink to={`/leads/${id}/edit`}>
              <Pencil size={16} aria-hidden="true" />
              {say("lead.edit")}
            </ButtonLink>
          )}
          {may(me, "DELETE_LEADS") && <DeleteLead lead={lead} />}
        </>
      }
    >
      {found.isError && <LeadTrouble error={found.error} again={() => void found.refetch()} />}
      <Path lead={lead} mayMove={may(me, "EDIT_LEADS")} />
      <div className="lead-page">
        <History lead={lead} mayWrite={may(me, "EDIT_LEADS")} />
        <aside className="stack" aria-label={say("lead.about")}>
          <Assignee lead={lead} mayAssign={may(me, "ASSIGN_LEADS")} />
          <Facts lead={lead} />
          <Memberships lead={lead} mayEdit={may(me, "EDIT_LEADS")} />
        </aside>
      </div>
    </Page>
  );
}

/** An address that holds no id is answered 422, which is nothing else to a person than that there is no such lead. */
function withoutSuch(error: unknown): unknown {
  if (!(error instanceof Problem) || error.code !== "request_invalid") return error;
  return new Problem({ ...error.body, code: "not_found" }, null);
}

function About({ lead }: { lead: Lead }) {
  const say = useLeadWords();
  const { moment } = useNumbers();
  const source = useSources();
  return (
    <div className="line">
      {lead.opportunity_id && (
        <span className="badge badge-finished">
          <Handshake size={12} aria-hidden="true" />
          {say("lead.converted")}
        </span>
      )}
      <span className="quiet">
        {[lead.company, source(lead.source), say(`lead.channel.${lead.channel}`), moment(lead.created_at)]
          .filter(Boolean)
          .join(" · ")}
      </span>
    </div>
  );
}

function Facts({ lead }: { lead: Lead }) {
  const say = useLeadWords();
  const { moment } = useNumbers();
  const own = useQuery(fieldsQuery).data ?? [];
  const facts: [string, ReactNode][] = [
    [say("lead.email"), lead.email && <a href={`mailto:${lead.email}`}>{lead.email}</a>],
    [say("lead.phone"), lead.phone && <a href={`tel:${lead.phone}`}>{readablePhone(lead.phone)}</a>],
    [say("lead.company"), lead.company],
    [say("lead.job_title"), lead.job_title],
    [say("lead.linkedin_url"), lead.linkedin_url],
    [say("lead.priority"), say(`lead.priority.${lead.priority}` as LeadWord)],
    [say("lead.tags"), lead.tags.join(", ")],
    ...Object.entries(lead.custom_fields ?? {}).map(([key, value]): [string, ReactNode] => [
      own.find((each) => each.key === key)?.label ?? key,
      typeof value === "boolean" ? say(value ? "lead.yes" : "lead.no") : String(value),
    ]),
    [say("lead.closed_at"), lead.closed_at && moment(lead.closed_at)],
    [say("lead.message"), lead.message],
    [say("lead.notes"), lead.notes],
  ];
  return (
    <section className="card stack">
      <h2>{say("lead.about")}</h2>
      <dl className="facts">
        {facts
          .filter(([, value]) => value)
          .map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}

export function Waiting() {
  const say = useLeadWords();
  return (
    <div className="stack" aria-busy="true">
      <span className="only-heard">{say("app.loading")}</span>
      <span className="skeleton" style={{ width: "40%", height: 16 }} />
      <span className="skeleton" style={{ height: 16 }} />
      <span className="skeleton" style={{ width: "60%" }} />
    </div>
  );
}
