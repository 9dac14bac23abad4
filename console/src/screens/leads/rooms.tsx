import "../../style/leads.css";
import { Route, Switch } from "wouter";
import { LeadWords } from "../../words/lead-words.tsx";
import { LeadFields } from "../lead-fields/lead-fields.tsx";
import { LeadForms } from "../lead-forms/lead-forms.tsx";
import { LeadLists } from "../lead-lists/lead-lists.tsx";
import { NewLeadScreen } from "../new-lead/new-lead.tsx";
import { EditLead } from "../one-lead/edit.tsx";
import { OneLead } from "../one-lead/one-lead.tsx";
import { Board } from "./board.tsx";
import { LeadsScreen } from "./leads.tsx";

/** All screens of leads: fetched together when the first of them is opened. */
export default function LeadRooms() {
  return (
    <LeadWords>
      <Switch>
        <Route path="/leads" component={LeadsScreen} />
        <Route path="/leads/board" component={Board} />
        <Route path="/leads/lists" component={LeadLists} />
        <Route path="/leads/fields" component={LeadFields} />
        <Route path="/leads/forms" component={LeadForms} />
        <Route path="/leads/new" component={NewLeadScreen} />
        <Route path="/leads/:id/edit">{({ id }) => <EditLead key={id} id={id} />}</Route>
        <Route path="/leads/:id">{({ id }) => <OneLead key={id} id={id} />}</Route>
      </Switch>
    </LeadWords>
  );
}
