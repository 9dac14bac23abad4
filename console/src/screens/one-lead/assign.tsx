import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { meQuery } from "../../api/calls.ts";
import { assignLead, type Lead } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { useColleagues, usePeople } from "../../parts/people.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useAct } from "./use-act.ts";

/** Whose lead it is. */
export function Assignee({ lead, mayAssign }: { lead: Lead; mayAssign: boolean }) {
  const say = useLeadWords();
  const person = usePeople();
  const colleagues = useColleagues();
  const me = useQuery(meQuery).data;
  const [asked, setAsked] = useState(false);
  const [user, setUser] = useState("");
  const assign = useAct(lead, assignLead);
  const close = () => {
    setAsked(false);
    setUser("");
    assign.reset();
  };
  const own = me && lead.assigned_to === me.user_id;
  return (
    <section className="card stack">
      <div className="stack-small">
        <h2>{say("lead.assigned_to")}</h2>
        <p className={lead.assigned_to === null ? "quiet" : "strong"}>
          {lead.assigned_to === null ? say("lead.nobody") : person(lead.assigned_to)}
        </p>
      </div>
      {mayAssign && (
        <div className="line">
          {me && !own && (
            <Button onPress={() => assign.mutate(me.user_id)} isPending={assign.isPending}>
              {say("lead.assign.me")}
            </Button>
          )}
          {colleagues.length > 0 && (
            <Button look="plain" onPress={() => setAsked(true)}>
              {say("lead.assign.other")}
            </Button>
          )}
          {lead.assigned_to !== null && (
            <Button look="plain" onPress={() => assign.mutate(null)} isPending={assign.isPending}>
              {say("lead.assign.nobody")}
            </Button>
          )}
        </div>
      )}
      {assign.isError && !asked && <LeadTrouble error={assign.error} />}
      <Dialog title={say("lead.assign.title")} open={asked} onClose={close}>
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            assign.mutate(Number(user), { onSuccess: close });
          }}
        >
          <div className="field">
            <label htmlFor="assign-user">{say("lead.assign.user")}</label>
            <select
              id="assign-user"
              className="select"
              required
              value={user}
              onChange={(event) => setUser(event.target.value)}
            >
              <option value="">{say("options.choose")}</option>
              {colleagues.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          {assign.isError && <LeadTrouble error={assign.error} />}
          <div className="dialog-actions">
            <Button onPress={close}>{say("cancel")}</Button>
            <Button look="main" type="submit" isPending={assign.isPending}>
              {say("lead.assign.do")}
            </Button>
          </div>
        </form>
      </Dialog>
    </section>
  );
}
