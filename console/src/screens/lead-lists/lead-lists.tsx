import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { may, meQuery } from "../../api/calls.ts";
import { deleteList, forgetLeads, type LeadList, listsQuery, makeList, renameList } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
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
  const say = useLeadWords();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const make = useMutation({
    mutationFn: () => makeList(name, null),
    onSuccess: () => {
      setName("");
      return forgetLeads(client);
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
          <label htmlFor="list-name">{say("lists.new")}</label>
          <input
            id="list-name"
            className="input"
            required
            maxLength={255}
            placeholder={say("lists.name")}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <Button look="main" type="submit" isDisabled={make.isPending}>
          {say("lists.make")}
        </Button>
      </div>
      {make.isError && <LeadTrouble error={make.error} />}
    </form>
  );
}

function ListActions({ list }: { list: LeadList }) {
  const say = useLeadWords();
  const client = useQueryClient();
  const [asked, setAsked] = useState<"rename" | "delete" | null>(null);
  const [name, setName] = useState(list.name);
  const act = useMutation({
    mutationFn: () => (asked === "rename" ? renameList(list.id, name) : deleteList(list.id)),
    onSuccess: async () => {
      await forgetLeads(client);
      setAsked(null);
    },
  });
  const close = () => {
    setAsked(null);
    setName(list.name);
    act.reset();
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    act.mutate();
  };
  return (
    <div className="line">
      <Button look="plain" aria-label={say("lists.renameOne", { list: list.name })} onPress={() => setAsked("rename")}>
        {say("lists.rename")}
      </Button>
      <Button look="plain" aria-label={say("lists.deleteOne", { list: list.name })} onPress={() => setAsked("delete")}>
        {say("lead.delete")}
      </Button>
      <Dialog
        title={asked ? say(asked === "rename" ? "lists.rename.title" : "lists.delete.title", { list: list.name }) : ""}
        open={asked !== null}
        onClose={close}
      >
        <form className="stack" onSubmit={send}>
          {asked === "rename" ? (
            <div className="field">
              <label htmlFor="rename-list">{say("lists.name")}</label>
              <input
                id="rename-list"
                className="input"
                required
                maxLength={255}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            </div>
          ) : (
            <p>{say("lists.delete.text", { leads: list.lead_count })}</p>
          )}
          {act.isError && <LeadTrouble error={act.error} />}
          <div className="dialog-actions">
            <Button onPress={close}>{say("cancel")}</Button>
            <Button look={asked === "rename" ? "main" : "danger"} type="submit" isDisabled={act.isPending}>
              {asked === "rename" ? say("lists.rename") : say("lists.delete.do")}
            </Button>
          </div>
        </form>
      </Dialog>
    </div>
  );
}
