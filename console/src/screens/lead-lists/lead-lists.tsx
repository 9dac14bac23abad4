import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { may, meQuery } from "../../api/calls.ts";
import { deleteList, forgetLeads, type LeadList, listsQuery, makeList, renameList } from "../../api/leads.ts";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { Changing, Making } from "../../parts/named.tsx";
import { Page } from "../../shell/page.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useNumbers } from "../../words/words.tsx";
import { Tabs } from "../leads/tabs.tsx";
import { Waiting } from "../one-lead/one-lead.tsx";

export function LeadLists() {
  const say = useLeadWords();
  const { number, moment } = useNumbers();
  const me = useQuery(meQuery).data;
  const lists = useQuery(listsQuery);
  const mayEdit = may(me, "EDIT_LEADS");
  return (
    <Page title={say("leads.title")} under={<Tabs />}>
      {mayEdit && <NewList />}
      {lists.isError && <LeadTrouble error={lists.error} again={() => void lists.refetch()} />}
      {lists.isPending && <Waiting />}
      {lists.data?.length === 0 && (
        <section className="empty">
          <h2>{say("lists.empty")}</h2>
          <p className="quiet">{say("lists.empty.text")}</p>
        </section>
      )}
      {lists.data && lists.data.length > 0 && (
        <div className="table-frame">
          <table className="table leads">
            <thead>
              <tr>
                <th scope="col">{say("lists.name")}</th>
                <th scope="col" className="number">
                  {say("lists.leads")}
                </th>
                <th scope="col" className="number">
                  {say("lists.created")}
                </th>
                {mayEdit && (
                  <th scope="col">
                    <span className="only-heard">{say("lead.actions")}</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {lists.data.map((list) => (
                <tr key={list.id}>
                  <td>
                    <Link to={`/leads?list_id=${list.id}`} className="name">
                      {list.name}
                    </Link>
                    {list.description && <div className="small quiet cut">{list.description}</div>}
                  </td>
                  <td className="number" data-label={say("lists.leads")}>
                    {number(list.lead_count)}
                  </td>
                  <td className="number" data-label={say("lists.created")}>
                    {moment(list.created_at)}
                  </td>
                  {mayEdit && (
                    <td className="actions">
                      <ListActions list={list} />
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Page>
  );
}

function NewList() {
  const client = useQueryClient();
  const make = async (name: string) => {
    await makeList(name, null);
    await forgetLeads(client);
  };
  return <Making id="list-name" label="lists.new" example="lists.name" does="lists.make" make={make} />;
}

function ListActions({ list }: { list: LeadList }) {
  const say = useLeadWords();
  const client = useQueryClient();
  return (
    <Changing
      name={list.name}
      label="lists.name"
      change={async (name) => {
        await renameList(list.id, name);
        await forgetLeads(client);
      }}
      remove={async () => {
        await deleteList(list.id);
        await forgetLeads(client);
      }}
      removed={{ text: say("lists.delete.text", { leads: list.lead_count }), does: "lists.delete.do" }}
    />
  );
}
