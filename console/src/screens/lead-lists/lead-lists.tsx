import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { may, meQuery } from "../../api/calls.ts";
import { deleteList, forgetLeads, type LeadList, listsQuery, makeList, renameList } from "../../api/leads.ts";
import { Changing, Making } from "../../parts/named.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useNumbers } from "../../words/words.tsx";
import { Things } from "../leads/things.tsx";

export function LeadLists() {
  const say = useLeadWords();
  const { number, moment } = useNumbers();
  const me = useQuery(meQuery).data;
  const lists = useQuery(listsQuery);
  const mayEdit = may(me, "EDIT_LEADS");
  return (
    <Things
      making={mayEdit && <NewList />}
      things={lists}
      empty={{ title: "lists.empty", text: "lists.empty.text" }}
      columns={[
        { title: "lists.name" },
        { title: "lists.leads", number: true },
        { title: "lists.created", number: true },
      ]}
      row={(list) => ({
        key: list.id,
        cells: (
          <>
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
          </>
        ),
      })}
      actions={mayEdit ? (list) => <ListActions list={list} /> : undefined}
    />
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
